// All but the picture and the table: the head, the one hypothesis, axes, workers, what went wrong.

import { COLUMNS, KINDS, kind } from "hfx/store.js";
import { madeOf } from "hfx/picture.js";
import { clock, duration, element, number } from "hfx/words.js";

const $ = (id) => document.getElementById(id);
const STATES = {
  waiting: "opening the pallet", planned: "planned", running: "running", finished: "finished", stopped: "stopped", failed: "failed",
};
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
  part("views", [store.views, store.view], () => views(store));
  part("plane", store.plane && { ...store.plane, at: 0 }, () => axes(store));
  part("error", store.error, (text) => { $("axes-error").hidden = !text; $("axes-error").textContent = text; });
  part("made", madeOf(store), (text) => { $("made").textContent = `${text}. Lines are interpolated between fitted hypotheses and end where those do.`; });
  part("notes", store.contour?.notes ?? [], (notes) => { $("notes").replaceChildren(...notes.map((textContent) => element("li", { textContent }))); });
  part("workers", store.status?.workers ?? [], workers);
  part("trouble", [store.status?.failures ?? [], store.status?.told ?? []], trouble);
  const index = store.hovered >= 0 ? store.hovered : store.selected;
  part("one", index >= 0 ? [store.rows[index], store.column] : null, (value) => one(value, store));
}

function head({ name, region, description, folder, host, command, hfx, endpoint, minima, mu, digest }) {
  if (!name) return;
  const title = [name, region].filter(Boolean).join(" · ");
  document.title = `${title} · hfx`;
  $("name").textContent = title;
  $("description").textContent = description ?? "";
  const facts = [`hfx ${hfx}`, command, `in ${folder}`, `on ${host}, endpoint ${endpoint}`, `minima ${minima}, μ = ${mu}`, `digest ${digest}`];
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
  const { states, total, step, round, done: tried, of, rate, left } = status;
  const words = [`${states.fitted ?? 0} of ${total} fitted`];
  if (states.failed) words.push(`${states.failed} failed`);
  if (status.unconverged) words.push(`${status.unconverged} not converged`);
  if (states.running) words.push(`${states.running} being fitted`);
  if (step === "exchange" && status.state === "running") words.push(`exchange between neighbours, round ${round}: ${tried} of ${of} tried`);
  if (rate && status.state === "running") words.push(`${number(rate)} a second`);
  if (left != null && status.state === "running") words.push(`${duration(left)} left`);
  return words.join(" · ");
}

function banner({ status, connected, ended, folder, head: { command } }) {
  const again = `To go on: ${command}`;
  const words = [];
  if (status?.state === "stopped") words.push(`The scan was stopped${status.gone ? `: ${status.gone}` : ""}. What is fitted is kept. ${again}`);
  if (status?.state === "failed") words.push(`The scan failed: ${status.gone}. What is fitted is kept. ${again}`);
  if (ended) words.push(`${ended}. This page keeps what it shows. To open it again: hfx watch ${folder ?? "RUN"}`);
  else if (!connected && status) words.push("The connection is lost; trying again.");
  return words.join(" ");
}

function views({ views: listed, view }) {
  $("views").hidden = !listed.length;
  const options = listed.map(({ name, state: how, rows }) => element("option", { value: name, textContent: `${name || "all together"} (${rows ? how : "not yet"})` }));
  $("view").replaceChildren(...options);
  $("view").value = view ?? "";
}

function axes({ plane }) {
  if (!plane) return;
  for (const id of ["x", "y"]) if (document.activeElement !== $(id)) $(id).value = plane[id] ?? "";
  if (document.activeElement !== $("where")) $("where").value = plane.where ?? "";
  $("axis-names").replaceChildren(...plane.axes.map((value) => element("option", { value })));
  $("chips").replaceChildren(...plane.slices.slice(0, 12).map(({ where, points }) => {
    const button = element("button", { type: "button", textContent: `${where} (${points})` });
    button.dataset.where = where;
    button.setAttribute("aria-pressed", where === plane.where);
    return button;
  }));
  $("slices").replaceChildren(...plane.slices.map(({ where, points }) => element("option", { value: where, label: `${where} (${points} points)` })));
}

function workers(listed) {
  if (!listed.length) return;
  const rows = listed.map(({ name, fitted, seconds, last }) => element("tr", {}, ...[name, fitted, duration(seconds), clock(last)].map((textContent) => element("td", { textContent }))));
  const heads = ["Worker", "fitted", "each", "last"].map((textContent) => element("th", { scope: "col", textContent }));
  $("workers").replaceChildren(element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows)));
}

function trouble([failures, told]) {
  $("trouble").hidden = !failures.length && !told.length;
  const bad = failures.map(({ name, reason, failed }) => element("li", {}, element("strong", { textContent: name }), ` ${failed ? "failed" : "not converged"}: ${reason}`));
  const events = told.map(({ time, text }) => element("li", { textContent: `${clock(time)} ${text}` }));
  $("failures").replaceChildren(...(bad.length ? bad : events));
}

function one(value, { head: { labels = [] }, column }) {
  if (!value) { $("one").replaceChildren(element("p", { className: "small", textContent: "Point at one, or go to it with the arrow keys." })); return; }
  const [found] = value;
  const cls = (at) => number(found.cls?.[at], 4);
  const facts = [
    ...labels.map((label, i) => [label, number(found.values[i], 6)]),
    ["State", KINDS[kind(found, column)] + (found.state === "fitted" ? ` (${COLUMNS[column]})` : "")],
    ["CLs observed", cls(0)],
    ["CLs expected", cls(3)],
    ["−2σ, −1σ", `${cls(1)}, ${cls(2)}`],
    ["+1σ, +2σ", `${cls(4)}, ${cls(5)}`],
    ["μ̂", number(found.muhat, 4)],
    ["Fits", found.state === "fitted" ? (found.converged ? "converged" : found.reason) : found.reason || "–"],
    ["Time", duration(found.seconds)],
    ["Worker", found.worker || "–"],
    ...(found.note ? [["Note", found.note]] : []),
  ];
  $("one").replaceChildren(
    element("h3", { textContent: found.name }),
    element("dl", {}, ...facts.flatMap(([name, text]) => [element("dt", { textContent: name }), element("dd", { textContent: text })])),
  );
}
