// Numbers, times and names for readers.

import { KINDS } from "hfx/store.js";

export function number(value, digits = 3) {
  if (typeof value === "string") return value;
  if (value == null || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e-3 && size < 1e5 ? String(Number(value.toPrecision(digits))) : value.toExponential(digits - 1);
  return text.replace("-", "−");
}

export function duration(seconds) {
  if (seconds == null) return "–";
  if (seconds < 1) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 100) return `${Number(seconds.toPrecision(2))} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.round(seconds % 60)).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

export function clock(time) {
  return time == null ? "–" : new Date(time * 1000).toLocaleTimeString();
}

// The title of a curve: "expected-2" is two standard deviations below the median.
export function curveTitle(name) {
  return name.replace(/([+-])(\d+)$/, (_, sign, sigmas) => ` ${sign === "-" ? "−" : "+"}${sigmas}σ`);
}

// The same in a few characters.
export function shortTitle(name, median) {
  return name === median ? "median" : curveTitle(name).split(" ").at(-1);
}

// A result in a few words.
export function brief(one, store) {
  const kind = KINDS[store.kind(one)];
  const { surface } = store.head;
  if (!one.numbers || !surface) return kind + (one.reason ? `: ${one.reason}` : "");
  const curves = [...new Set([surface.curves[0], surface.median ?? surface.curves[0]])];
  const numbers = curves.map((curve) => `${curve} ${number(one.numbers[surface.curves.indexOf(curve)])}`);
  return `${surface.name} ${numbers.join(", ")}; ${kind}`;
}

export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}
