// The parts beside picture and table: head, the one hypothesis, axes, workers, failures.

import { madeOf, openKinds } from "hfx/picture.js";
import { KINDS } from "hfx/store.js";
import { clock, curveTitle, duration, element, number } from "hfx/words.js";

const $ = (id) => document.getElementById(id);
const STATES = {
  waiting: "opening the pallet", submitted: "submitted", planned: "planned", running: "running", finished: "finished", stopped: "stopped", failed: "failed",
};
const LINES = "Lines are interpolated between fitted hypotheses and end where those do.";
const DOTTED = " Dotted lines and the paler band may still change: hypotheses there are not fitted yet.";
const GOING_ON = ["waiting", "submitted", "planned", "running"];
const FIELDS = ["x", "y", "where"];
const known = {};

// Fill a part of the page, only when what it shows has changed.
function part(name, value, fill) {
  const text = JSON.stringify(value);
  if (known[name] !== text) { known[name] = text; fill(value); }
}

export function fillSide(store) {
  part("head", store.head, head);
  part("state", [store.status?.state, store.connected, store.ended], () => state(store));
  part("progress", progress(store), (text) => { $("progress").textContent = text; });
  part("bar", done(store), (value) => { if (value == null) $("bar").removeAttribute("value"); else $("bar").value = value; });
  part("banner", banner(store), (text) => { $("banner").hidden = !text; $("banner").textContent = text; });
  part("lasting", lasting(store), (text) => { $("lasting").hidden = !text; $("lasting").textContent = text; });
  part("views", [store.views, store.view], () => views(store));
  part("plane", store.plane && { ...store.plane, at: 0 }, () => axes(store));
  part("error", store.error, (text) => { $("axes-error").hidden = !text; $("axes-error").textContent = text; });
  part("refusal", store.refusal, refusal);
  // Nobody answers any more.
  part("over", Boolean(store.ended), (over) => { for (const field of document.querySelectorAll("form *, #planes button, #view")) field.disabled = over; });
  part("made", `${madeOf(store)}. ${lines(store)}`, (text) => { $("made").textContent = text; });
  part("pending", Boolean(store.rows.length && !store.svg && !store.error && !store.ended), (pending) => { $("pending").hidden = !pending; });
  part("planes", [store.plane?.planes ?? [], store.plane?.where], planes);
  part("key", openKinds(store), key);
  part("notes", store.contour?.notes ?? [], (notes) => list($("notes"), notes));
  part("details", store.contour?.details ?? [], (details) => { $("details").hidden = !details.length; list($("details").querySelector("ul"), details); });
  part("workers", store.status?.workers ?? [], workers);
  part("trouble", [store.trouble?.failures ?? [], store.trouble?.notices ?? []], failuresAndNotices);
  const index = store.hovered >= 0 ? store.hovered : store.selected;
  part("one", index >= 0 ? [store.rows[index], store.column] : null, (value) => one(value, store));
}

function list(place, sentences) {
  place.replaceChildren(...sentences.map((textContent) => element("li", { textContent })));
}

// What is to be known about the lines, or why there are none yet.
function lines({ contour, shown, status }) {
  if (contour?.curves.length && shown.length > 1) return LINES + (contour.awaited ? DOTTED : "");
  if (!shown.length || !GOING_ON.includes(status?.state)) return "";
  if (!shown.some((one) => one.numbers)) return "No result yet.";
  return contour?.made_of ? "" : "The lines are being drawn.";
}

// The planes in which the hypotheses lie, where these are several: one of them is shown.
function planes([listed, where]) {
  $("planes").hidden = listed.length < 2;
  const buttons = listed.map(({ where: own, x, y, points }) => chip(own, points, own === where, { x, y }));
  $("planes").replaceChildren(`The hypotheses lie in ${listed.length} planes; the picture shows one:`, ...buttons);
}

function chip(where, points, pressed, axes = {}) {
  const button = element("button", { type: "button", textContent: `${where} (${points})` });
  Object.assign(button.dataset, { where, ...axes });
  button.setAttribute("aria-pressed", pressed);
  return button;
}

function head({ name, region, description, folder, host, command, hfx, endpoint, options, digest }) {
  if (!name) return;
  const title = [name, region].filter(Boolean).join(" · ");
  document.title = `${title} · hfx`;
  $("name").textContent = title;
  $("description").textContent = description ?? "";
  const facts = [`hfx ${hfx}`, command, `in ${folder}`, `on ${host}, endpoint ${endpoint}`, ...Object.entries(options).filter(([, value]) => value != null).map(([option, value]) => `${option} ${value}`), `digest ${digest}`];
  $("foot").textContent = facts.filter(Boolean).join(" · ");
}

function state({ status, connected, ended }) {
  const name = status?.state ?? "waiting";
  $("state").dataset.state = name;
  $("state").textContent = status ? STATES[name] ?? name : connected || ended ? STATES.waiting : "connecting";
}

function done({ status }) {
  if (!status?.of) return status?.state === "finished" ? 1 : null;
  return status.state === "finished" ? 1 : status.done / status.of;
}

function progress({ status }) {
  if (!status) return "waiting for the run";
  const { states, fitted, total, step, round, done: tried, of, rate, left } = status;
  const words = [`${fitted} of ${total} fitted`];
  if (states.failed) words.push(`${states.failed} failed`);
  if (states.no_signal) words.push(`${states.no_signal} without a signal`);
  if (states.not_converged) words.push(`${states.not_converged} not converged`);
  if (states.running) words.push(`${states.running} being fitted`);
  if (step !== "local" && status.state === "running") words.push(`${step}${round ? `, round ${round}` : ""}: ${tried} of ${of} tried`);
  if (rate && status.state === "running") words.push(`${number(rate)} per second`);
  if (left != null && status.state === "running") words.push(`${duration(left)} left`);
  return words.join(" · ");
}

function banner({ status, connected, ended, folder, head: { command } }) {
  const again = `To continue: ${command}`;
  const words = [];
  if (status?.state === "stopped") words.push(`The scan was stopped${status.reason ? `: ${status.reason}` : ""}. The results so far are kept. ${again}`);
  if (status?.state === "failed") words.push(`The scan failed: ${status.reason}. The results so far are kept. ${again}`);
  if (ended) words.push(`${ended}. This page stays as it is. To open it again: hfx watch ${folder ?? "RUN"}`);
  else if (!connected && status) words.push("The connection is lost; the page tries to connect again.");
  return words.join(" ");
}

// While the scan runs: that the page ends with it, where it does.
function lasting({ ends_with_scan: ends, ended, folder }) {
  return ends && !ended ? `This page ends with the scan. To open it again: hfx watch ${folder ?? "RUN"}` : "";
}

function views({ views: listed, view }) {
  $("views").hidden = !listed.length;
  const options = listed.map(({ name, state: how, rows }) => element("option", { value: name, textContent: `${name || "all regions combined"} (${rows ? how : "no results yet"})` }));
  $("view").replaceChildren(...options);
  $("view").value = view ?? "";
}

// Beside the field that is wrong.
function refusal(found) {
  for (const id of FIELDS) {
    const wrong = found?.field === id;
    $(id).setAttribute("aria-invalid", wrong);
    $(`${id}-error`).hidden = !wrong;
    $(`${id}-error`).textContent = wrong ? found.error.replace(/^--(x|y|where) /, "") : "";
  }
}

function axes({ plane }) {
  if (!plane) return;
  for (const id of FIELDS) if (document.activeElement !== $(id) && $(id).getAttribute("aria-invalid") !== "true") $(id).value = plane[id] ?? "";
  $("axis-names").replaceChildren(...plane.axes.map((value) => element("option", { value })));
  $("chips").replaceChildren(...plane.slices.slice(0, 12).map(({ where, points }) => chip(where, points, where === plane.where)));
  $("slices").replaceChildren(...plane.slices.map(({ where, points }) => element("option", { value: where, label: `${where} (${points} points)` })));
}

function workers(listed) {
  if (!listed.length) return;
  const rows = listed.map(({ name, done: fitted, seconds, last }) => element("tr", {}, ...[name, fitted, duration(seconds), clock(last)].map((textContent) => element("td", { textContent }))));
  const heads = ["Worker", "results", "mean time", "last result"].map((textContent) => element("th", { scope: "col", textContent }));
  $("workers").replaceChildren(element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows)));
}

function failuresAndNotices([failures, notices]) {
  $("trouble").hidden = !failures.length && !notices.length;
  $("trouble-title").textContent = failures.some(({ status }) => status !== "no_signal") ? "Failures" : "Notices";
  const bad = failures.map(({ text }) => element("li", { textContent: text }));
  const events = notices.map(({ time, text }) => element("li", { textContent: `${clock(time)} ${text}` }));
  $("failures").replaceChildren(...(bad.length ? bad : events));
}

// The points that the picture's legend does not name.
function key(kinds) {
  $("key").replaceChildren(...kinds.map(([kind, title]) => { const made = element("span", { textContent: title }); made.dataset.kind = kind; return made; }));
}

function one(value, store) {
  if (!value) { $("one").replaceChildren(element("p", { className: "small", textContent: "Point at a hypothesis, or select one with the arrow keys." })); return; }
  const [found] = value;
  const { labels = [], columns = [] } = store.head;
  const shown = (cell) => (typeof cell === "string" ? cell : number(cell, 4));
  const own = columns.map(({ name, title }, i) => [name, title, found.cells[i]]).filter(([name, , cell]) => cell != null && name !== "status");
  const result = found.numbers && found.status !== "not_converged";
  const facts = [
    ...labels.map((label, i) => [label, number(found.values[i], 6)]),
    ["State", KINDS[store.kind(found)] + (result && store.curves.length > 1 ? ` (${curveTitle(store.curves[store.column])})` : "")],
    ...own.map(([, title, cell]) => [title, shown(cell)]),
    ["Fits", result ? "converged" : found.reason || "–"],
    ["Time", duration(found.seconds)],
    ["Worker", found.worker || "–"],
    ...(found.remarks.length ? [["Remarks", found.remarks.join(" ")]] : []),
  ];
  $("one").replaceChildren(
    element("h3", { textContent: found.name }),
    element("dl", {}, ...facts.flatMap(([name, text]) => [element("dt", { textContent: name }), element("dd", { textContent: text })])),
  );
}
