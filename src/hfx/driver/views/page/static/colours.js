// Colours: CLs from blue (excluded) over pale (CLs = 0.05) to orange (allowed), apart for every kind of colour vision.

const BINS = 48;
const LOW = 1e-4;
const STOPS = {
  light: ["#0b3c78", "#4a8ac4", "#f4f1e6", "#e39a4f", "#8a3a06"],
  dark: ["#2d74d8", "#86b6ee", "#f4f1e6", "#f0aa60", "#cf5f22"],
};

export const THEMES = {
  light: {
    name: "light", paper: "#ffffff", ink: "#1c1f24", soft: "#5a6069", edge: "#3d434b", band: "#ffe34d", openBand: "#fff6c4", forbidden: "#e4e4e4", faint: "#8d949e",
    observed: "#8b0000", expected: "#2f4b7c", ring: "#0050b3", bad: "#1c1f24",
  },
  dark: {
    name: "dark", paper: "#16191d", ink: "#eceff3", soft: "#a9b1bc", edge: "#0c0e10", band: "#6e6113", openBand: "#35300f", forbidden: "#2b2f34", faint: "#7d8692",
    observed: "#ff8a80", expected: "#a9c1ff", ring: "#7cc0ff", bad: "#eceff3",
  },
};

export function theme() {
  return matchMedia("(prefers-color-scheme: dark)").matches ? THEMES.dark : THEMES.light;
}

// From 0 (CLs at most 1e-4) over 1/2 (0.05) to 1.
export function place(cls) {
  if (cls <= LOW) return 0;
  if (cls < 0.05) return (0.5 * Math.log(cls / LOW)) / Math.log(0.05 / LOW);
  return Math.min(1, 0.5 + (0.5 * Math.log(cls / 0.05)) / Math.log(20));
}

export function bin(cls) {
  return Math.min(BINS - 1, Math.floor(place(cls) * BINS));
}

const made = {};

export function palette({ name }) {
  made[name] ??= Array.from({ length: BINS }, (_, i) => mixed(STOPS[name], (i + 0.5) / BINS));
  return made[name];
}

function mixed(stops, at) {
  const where = at * (stops.length - 1);
  const i = Math.min(stops.length - 2, Math.floor(where));
  const [a, b] = [parts(stops[i]), parts(stops[i + 1])];
  return `rgb(${a.map((v, k) => Math.round(v + (b[k] - v) * (where - i))).join(",")})`;
}

function parts(hex) {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}
