// The picture: a pure function of a canvas' context, its size and the store; the same for the screen, PNG and SVG.

import { palette, place } from "hfx/colours.js";
import { finish, marks, shape } from "hfx/marks.js";
import { linear, logarithmic, span } from "hfx/scales.js";
import { COLUMNS, KINDS, LEVEL, WHICH, kind } from "hfx/store.js";
import { number } from "hfx/words.js";

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
const LINES = { observed: [2.4, []], expected: [1.8, [8, 4]], theory: [1.3, [2, 2.5]], other: [1.7, [5, 2, 1, 2]] };

// Draws, and returns the scales: {x, y, box}. `layer`: the context of a canvas above, of the same size, for the marks.
export function draw(ctx, size, store, theme, layer = null) {
  const text = lettering(ctx, theme);
  ctx.fillStyle = theme.paper;
  ctx.fillRect(0, 0, size.width, size.height);
  const shown = store.shown;
  const top = header(text, size, store, shown, theme);
  const narrow = size.width < 520;
  const box = { left: narrow ? 60 : 66, right: size.width - 14, top: top + 8, bottom: size.height - 86 };
  const profile = store.plane && store.plane.y === null;
  const scales = profile ? profiled(shown, box) : plane(shown, box);
  ctx.save();
  ctx.beginPath();
  ctx.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
  ctx.clip();
  if (profile) profileLines(ctx, shown, scales, store, theme);
  else { curves(ctx, scales, store, theme); forbidden(ctx, scales, store, theme); }
  ctx.restore();
  frame(ctx, text, box, scales, store, theme);
  marks(ctx, layer, shown, { ...scales, box }, store, theme, profile);
  colourBar(ctx, text, size, box, store, theme);
  return { ...scales, box };
}

function lettering(ctx, theme) {
  const write = (string, x, y, { size = 13, align = "left", colour = theme.ink, weight = "" } = {}) => {
    ctx.font = `${weight} ${size}px ${FONT}`.trim();
    ctx.textAlign = align;
    ctx.textBaseline = "alphabetic";
    ctx.fillStyle = colour;
    ctx.fillText(string, x, y);
  };
  write.width = (string, size = 13, weight = "") => {
    ctx.font = `${weight} ${size}px ${FONT}`.trim();
    return ctx.measureText(string).width;
  };
  write.fitted = (string, room, size, weight) => {
    if (write.width(string, size, weight) <= room) return string;
    let kept = string.length;
    while (kept > 1 && write.width(`${string.slice(0, kept)}…`, size, weight) > room) kept -= 1;
    return `${string.slice(0, kept).trimEnd()}…`;
  };
  write.ctx = ctx;
  return write;
}

// Title, what the picture is made of, and the legend; the height that they take.
function header(text, size, store, shown, theme) {
  const room = size.width - 28;
  const { name, region } = store.head;
  const title = [name, region, store.plane?.where].filter(Boolean).join(" · ");
  text(text.fitted(title || "hfx", room, 15, "600"), 14, 24, { size: 15, weight: "600" });
  let at = 24;
  for (const line of wrapped(text, madeOf(store, shown), room, 12)) {
    at += 17;
    text(line, 14, at, { size: 12, colour: theme.soft });
  }
  return legend(text, size, store, shown, theme, at + 6);
}

export function madeOf(store, shown = store.shown) {
  if (!shown.length) return "No hypothesis is known yet";
  const done = shown.filter((one) => one.state === "fitted" && one.converged).length;
  const state = store.status?.state;
  const how = { finished: "scan finished", stopped: "scan stopped", failed: "scan failed" }[state] ?? (state === "running" ? "scan running" : "not begun");
  const contour = store.contour;
  const behind = contour && contour.made_of !== done && contour.made_of ? `, contour from ${contour.made_of} of them` : "";
  return `${done} of ${shown.length} hypotheses fitted${behind} · ${how} · 95% CL`;
}

function wrapped(text, string, room, size) {
  const lines = [];
  for (const word of string.split(" ")) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && text.width(longer, size) <= room) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

function legend(text, size, store, shown, theme, top) {
  const items = [...lineItems(store), ...markItems(shown, store)];
  let x = 14;
  let y = top + 16;
  for (const [sketch, label] of items) {
    const width = 34 + text.width(label, 12) + 16;
    if (x > 14 && x + width > size.width - 8) { x = 14; y += 19; }
    sketch(text, x, y - 4, theme);
    text(label, x + 32, y, { size: 12 });
    x += width;
  }
  return items.length ? y + 6 : top;
}

function lineItems(store) {
  const found = drawnCurves(store);
  const has = (which) => found.some((curve) => curve.which === which);
  const profile = store.plane?.y === null;
  const items = [];
  if (has("observed") || profile) items.push([stroke("observed", store), "Observed"]);
  if (has("expected") || profile) items.push([stroke("expected", store, true), "Expected ±1σ"]);
  const chosen = WHICH[store.column];
  if (!["observed", "expected"].includes(chosen) && has(chosen)) items.push([stroke(chosen, store), capital(COLUMNS[store.column])]);
  if (found.some((curve) => curve.which.startsWith("theory"))) items.push([stroke("theory-up", store), "Observed, signal theory"]);
  if (store.plane?.forbidden_area?.length) items.push([area("forbidden"), `Not possible: ${store.plane.forbidden}`]);
  if (found.some((curve) => curve.open?.length) || store.contour?.open_band.length) items.push([stroke("open", store), "pale: fits still missing there"]);
  return items;
}

function capital(string) {
  return string[0].toUpperCase() + string.slice(1);
}

function area(name) {
  return ({ ctx }, x, y, theme) => {
    ctx.fillStyle = theme[name];
    ctx.fillRect(x, y - 6, 26, 12);
  };
}

function stroke(which, store, band = false) {
  return (text, x, y, theme) => {
    const { ctx } = text;
    if (which === "open") { ctx.fillStyle = theme.openBand; ctx.fillRect(x, y - 6, 26, 12); }
    if (band) { ctx.fillStyle = theme.band; ctx.fillRect(x, y - 6, 26, 12); }
    ctx.beginPath();
    ctx.moveTo(x, y);
    ctx.lineTo(x + 26, y);
    if (which === "open") pen(ctx, "observed", store, theme, true);
    else pen(ctx, which, store, theme, false);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.globalAlpha = 1;
  };
}

function markItems(shown, store) {
  const present = new Set(shown.map((one) => kind(one, store.column)));
  const at = `(${COLUMNS[store.column]})`;
  return Object.keys(KINDS).filter((name) => present.has(name)).map((name) => [
    (text, x, y, theme) => {
      const { ctx } = text;
      const fill = name === "excluded" ? palette(theme)[6] : palette(theme)[42];
      ctx.beginPath();
      shape(ctx, name, x + 13, y, 5);
      finish(ctx, name, theme, fill);
    },
    ["excluded", "allowed"].includes(name) ? `${KINDS[name]} ${at}` : KINDS[name],
  ]);
}

function plane(shown, box) {
  const x = linear(...span(shown.map((one) => one.at[0])), box.left, box.right);
  const y = linear(...span(shown.map((one) => one.at[1])), box.bottom, box.top);
  return { x, y };
}

function profiled(shown, box) {
  let low = 0.02;
  for (const one of shown) for (const value of one.cls ?? []) if (value > 0) low = Math.min(low, value);
  const x = linear(...span(shown.map((one) => one.at[0])), box.left, box.right);
  return { x, y: logarithmic(Math.max(low / 2, 1e-6), 1.3, box.bottom, box.top) };
}

// Sets the line of a curve: what is looked at is bold, what is not settled is thin, dotted and pale.
function pen(ctx, which, store, theme, open) {
  const name = which.startsWith("theory") ? "theory" : LINES[which] ? which : "other";
  const [width, dashes] = LINES[name];
  const bold = WHICH[store.column] === which ? 1.35 : 1;
  ctx.lineWidth = open ? 1.3 : width * bold;
  ctx.strokeStyle = which.startsWith("expected") ? theme.expected : theme.observed;
  ctx.setLineDash(open ? [1.5, 3.5] : dashes);
  ctx.globalAlpha = open ? 0.75 : 1;
  ctx.lineJoin = "round";
}

// What cannot be, as hfx plot shows it: grey, with its border.
function forbidden(ctx, { x, y }, store, theme) {
  const rings = store.plane?.forbidden_area ?? [];
  if (!rings.length) return;
  ctx.beginPath();
  for (const ring of rings) trace(ctx, ring, x, y, true);
  ctx.fillStyle = theme.forbidden;
  ctx.fill("evenodd");
  ctx.strokeStyle = theme.faint;
  ctx.lineWidth = 1.2;
  ctx.stroke();
}

function curves(ctx, { x, y }, store, theme) {
  const found = store.contour;
  if (!found) return;
  for (const [rings, colour] of [[found.band, theme.band], [found.open_band, theme.openBand]]) {
    ctx.beginPath();
    for (const ring of rings) trace(ctx, ring, x, y, true);
    ctx.fillStyle = colour;
    ctx.fill("evenodd");
  }
  const chosen = WHICH[store.column];
  const order = drawnCurves(store).sort((a, b) => (a.which === chosen) - (b.which === chosen) || (a.which === "observed") - (b.which === "observed"));
  for (const curve of order) for (const open of [false, true]) {
    ctx.beginPath();
    pieces(ctx, curve, x, y, open);
    pen(ctx, curve.which, store, theme, open);
    ctx.stroke();
  }
  ctx.setLineDash([]);
  ctx.globalAlpha = 1;
}

// Observed, expected and what is looked at.
function drawnCurves(store) {
  const wanted = ({ which }) => ["observed", "expected", WHICH[store.column]].includes(which) || which.startsWith("theory");
  return (store.contour?.curves ?? []).filter(wanted);
}

function trace(ctx, points, x, y, close) {
  points.forEach(([a, b], i) => (i ? ctx.lineTo(x(a), y(b)) : ctx.moveTo(x(a), y(b))));
  if (close) ctx.closePath();
}

// The segments of a curve that are settled, or those that are open.
function pieces(ctx, { points, open: marked = [] }, x, y, open) {
  const which = new Set(marked);
  if (points.length === 1 && !open) ctx.rect(x(points[0][0]) - 3, y(points[0][1]) - 3, 6, 6);
  let down = false;
  for (let i = 0; i + 1 < points.length; i += 1) {
    if (which.has(i) !== open) { down = false; continue; }
    if (!down) ctx.moveTo(x(points[i][0]), y(points[i][1]));
    ctx.lineTo(x(points[i + 1][0]), y(points[i + 1][1]));
    down = true;
  }
}

function profileLines(ctx, shown, { x, y }, store, theme) {
  const fitted = shown.filter((one) => one.cls && one.converged).sort((a, b) => a.at[0] - b.at[0]);
  const line = (column) => fitted.map((one) => [one.at[0], one.cls[column]]);
  ctx.beginPath();
  trace(ctx, [...line(2), ...line(4).reverse()], x, y, true);
  ctx.fillStyle = theme.band;
  ctx.fill();
  for (const column of new Set([3, 0, store.column])) {
    ctx.beginPath();
    trace(ctx, line(column), x, y, false);
    pen(ctx, WHICH[column], store, theme, false);
    ctx.stroke();
  }
  ctx.setLineDash([]);
  ctx.beginPath();
  trace(ctx, [[x.low, LEVEL], [x.high, LEVEL]], x, y, false);
  ctx.strokeStyle = theme.ink;
  ctx.lineWidth = 1;
  ctx.stroke();
}

function frame(ctx, text, box, { x, y }, store, theme) {
  ctx.strokeStyle = theme.ink;
  ctx.lineWidth = 1;
  ctx.strokeRect(box.left, box.top, box.right - box.left, box.bottom - box.top);
  ctx.beginPath();
  for (const [values, length] of [[x.major, 7], [x.minor, 3.5]]) for (const value of values) {
    ctx.moveTo(x(value), box.bottom); ctx.lineTo(x(value), box.bottom - length);
    ctx.moveTo(x(value), box.top); ctx.lineTo(x(value), box.top + length);
  }
  for (const [values, length] of [[y.major, 7], [y.minor, 3.5]]) for (const value of values) {
    ctx.moveTo(box.left, y(value)); ctx.lineTo(box.left + length, y(value));
    ctx.moveTo(box.right, y(value)); ctx.lineTo(box.right - length, y(value));
  }
  ctx.stroke();
  if (!store.plane?.at.length) return;
  for (const value of x.major) text(number(value, 6), x(value), box.bottom + 17, { size: 12, align: "center" });
  for (const value of y.major) text(number(value, 6), box.left - 6, y(value) + 4, { size: 12, align: "right" });
  text(store.plane.xlabel, box.right, box.bottom + 35, { size: 14, align: "right" });
  ctx.save();
  ctx.translate(15, box.top);
  ctx.rotate(-Math.PI / 2);
  text(store.plane.ylabel, 0, 0, { size: 14, align: "right" });
  ctx.restore();
}

function colourBar(ctx, text, size, box, store, theme) {
  const [left, top, height] = [box.left, size.height - 28, 9];
  const width = box.right - box.left;
  palette(theme).forEach((colour, i, all) => {
    ctx.fillStyle = colour;
    ctx.fillRect(left + (width * i) / all.length, top, width / all.length + 0.7, height);
  });
  for (const cls of size.width < 520 ? [1e-4, 1e-2, 0.05, 0.3, 1] : [1e-4, 1e-3, 1e-2, 0.05, 0.1, 0.3, 1]) {
    const x = left + width * place(cls);
    ctx.fillStyle = theme.ink;
    ctx.fillRect(x - 0.5, top, 1, height);
    const align = cls === 1 ? "right" : cls === 1e-4 ? "left" : "center";
    text(cls === 1e-4 ? "≤ 0.0001" : String(cls), x, top + 21, { size: 11, align, colour: theme.soft });
  }
  text("CLs", left - 8, top + 8, { size: 12, align: "right", colour: theme.ink });
}
