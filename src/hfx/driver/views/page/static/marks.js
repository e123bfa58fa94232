// The hypotheses as marks: their shape says what they are, their colour CLs.

import { bin, palette } from "hfx/colours.js";
import { kind } from "hfx/store.js";

// Marks on a layer of their own are stamped pixel by pixel, ten thousand of them in a few milliseconds; else one path
// each for a kind and a colour.
export function marks(ctx, layer, shown, scales, store, theme, profile) {
  // So large that as many spread over the frame would leave most of it free.
  const { box } = scales;
  const room = Math.sqrt(((box.right - box.left) * (box.bottom - box.top)) / Math.max(1, shown.length));
  const radius = Math.max(1.9, Math.min(4.8, room / 6));
  const groups = new Map();
  for (const one of shown) {
    const name = kind(one, store.column);
    if (profile && !one.cls) continue;
    const key = name === "excluded" || name === "allowed" ? `${name} ${bin(one.cls[store.column])}` : name;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push([scales.x(one.at[0]), scales.y(profile ? one.cls[store.column] : one.at[1])]);
  }
  const awaited = (key) => ["planned", "waiting", "running"].includes(key);
  const ordered = [...groups].sort(([a], [b]) => awaited(b) - awaited(a));
  if (layer) stampAll(layer, ordered, radius, theme);
  else for (const [key, places] of ordered) mark(ctx, key, places, radius, theme);
}

function mark(ctx, key, places, radius, theme) {
  const [name, place] = key.split(" ");
  // One after the other: where they overlap, the later lies on top, whole.
  for (const [x, y] of places) {
    ctx.beginPath();
    shape(ctx, name, x, y, radius);
    finish(ctx, name, theme, palette(theme)[place], radius);
  }
}

function stampAll(layer, ordered, radius, theme) {
  const ratio = layer.getTransform().a;
  const { width, height } = layer.canvas;
  const image = layer.createImageData(width, height);
  const views = pixels(image);
  for (const [key, places] of ordered) {
    const stamp = stamped(key, radius, ratio, theme);
    const half = stamp.width / 2;
    for (const [x, y] of places) put(views, stamp, Math.round(x * ratio - half), Math.round(y * ratio - half));
  }
  layer.putImageData(image, 0, 0);
}

const stamps = new Map();

function stamped(key, radius, ratio, theme) {
  const known = `${key} ${radius.toFixed(2)} ${ratio} ${theme.name}`;
  if (!stamps.has(known)) {
    if (stamps.size > 2000) stamps.clear();
    const half = Math.ceil((radius * 1.3 + 1.5) * ratio);
    const context = new OffscreenCanvas(2 * half, 2 * half).getContext("2d");
    context.scale(ratio, ratio);
    mark(context, key, [[half / ratio, half / ratio]], radius, theme);
    stamps.set(known, pixels(context.getImageData(0, 0, 2 * half, 2 * half)));
  }
  return stamps.get(known);
}

// A stamp over what is there (both with alpha not multiplied in): whole pixels are copied, those of a rim are blended.
function put(views, stamp, left, top) {
  const { width, height, data, whole } = views;
  const last = Math.min(stamp.width, width - left);
  for (let j = Math.max(0, -top); j < Math.min(stamp.height, height - top); j += 1) {
    for (let i = Math.max(0, -left); i < last; i += 1) {
      const from = j * stamp.width + i;
      const alpha = stamp.data[4 * from + 3];
      const to = (top + j) * width + left + i;
      if (alpha === 255 || (alpha && !whole[to])) whole[to] = stamp.whole[from];
      else if (alpha) blend(data, 4 * to, stamp.data, 4 * from, alpha);
    }
  }
}

function blend(data, to, source, from, alpha) {
  const under = (data[to + 3] * (255 - alpha)) / 255;
  const all = alpha + under;
  for (let k = 0; k < 3; k += 1) data[to + k] = (source[from + k] * alpha + data[to + k] * under) / all;
  data[to + 3] = all;
}

// An image's pixels by byte and by whole pixel.
function pixels({ data, width, height }) {
  return { data, width, height, whole: new Uint32Array(data.buffer) };
}

export function shape(ctx, name, x, y, r) {
  if (name === "allowed") { const d = r * 1.25; ctx.moveTo(x, y - d); ctx.lineTo(x + d, y); ctx.lineTo(x, y + d); ctx.lineTo(x - d, y); ctx.closePath(); }
  else if (name === "unconverged") { ctx.moveTo(x, y - r * 1.2); ctx.lineTo(x + r * 1.15, y + r); ctx.lineTo(x - r * 1.15, y + r); ctx.closePath(); }
  else if (name === "failed") { ctx.moveTo(x - r, y - r); ctx.lineTo(x + r, y + r); ctx.moveTo(x + r, y - r); ctx.lineTo(x - r, y + r); }
  else if (name === "running") { ctx.moveTo(x + r, y); ctx.arc(x, y, r, 0, 2 * Math.PI); ctx.moveTo(x + r * 0.45, y); ctx.arc(x, y, r * 0.45, 0, 2 * Math.PI); }
  else { const own = name === "planned" ? r * 0.42 : name === "waiting" ? r * 0.75 : r; ctx.moveTo(x + own, y); ctx.arc(x, y, own, 0, 2 * Math.PI); }
}

export function finish(ctx, name, theme, fill, radius = 5) {
  ctx.setLineDash([]);
  ctx.lineWidth = name === "failed" ? 2 : radius < 3 ? 0.35 : 1;
  ctx.strokeStyle = { failed: theme.bad, running: theme.ring, waiting: theme.faint, planned: theme.faint }[name] ?? theme.edge;
  if (name === "excluded" || name === "allowed") { ctx.fillStyle = fill; ctx.fill(); }
  if (name === "unconverged") { ctx.fillStyle = theme.paper; ctx.fill(); ctx.lineWidth = 1.6; ctx.strokeStyle = theme.bad; }
  if (name === "running") ctx.lineWidth = 1.4;
  ctx.stroke();
}
