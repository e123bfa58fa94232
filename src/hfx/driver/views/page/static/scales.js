// From values to pixels, and where the ticks are.

export function linear(low, high, from, to) {
  const scale = (value) => from + ((value - low) / (high - low)) * (to - from);
  return Object.assign(scale, { low, high, ...ticks(low, high, Math.abs(to - from)) });
}

export function logarithmic(low, high, from, to) {
  const inner = linear(Math.log10(low), Math.log10(high), from, to);
  const scale = (value) => inner(Math.log10(Math.max(value, low)));
  const major = [];
  const minor = [];
  for (let power = Math.ceil(Math.log10(low)); power <= Math.floor(Math.log10(high)); power += 1) {
    major.push(10 ** power);
    for (let k = 2; k < 10; k += 1) if (k * 10 ** power < high) minor.push(k * 10 ** power);
  }
  return Object.assign(scale, { low, high, major, minor });
}

// The range of values with a margin; one that starts near zero starts at zero.
export function span(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) { low = Math.min(low, value); high = Math.max(high, value); }
  if (!Number.isFinite(low)) return [0, 1];
  if (low === high) { const room = 0.5 * Math.abs(low) || 1; return [low - room, high + room]; }
  const margin = 0.045 * (high - low);
  return [low >= 0 && low <= margin ? -0.3 * margin : low - margin, high + margin];
}

function ticks(low, high, pixels) {
  const wanted = Math.max(4, Math.min(9, pixels / 75));
  const raw = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((k) => k * power).find((one) => one >= raw * 0.999);
  return { major: multiples(low, high, step), minor: multiples(low, high, step / 5) };
}

function multiples(low, high, step) {
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high + 1e-9 * step; k += 1) found.push(Number((k * step).toPrecision(12)));
  return found;
}
