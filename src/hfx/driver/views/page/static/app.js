// The page: the store, the stream that fills it, and the views that show it.

import { Picture } from "hfx/picture.js";
import { fillSide } from "hfx/side.js";
import { Store, listen, refused } from "hfx/store.js";
import { Table } from "hfx/table.js";
import { take } from "hfx/take.js";
import { curveTitle, element, shortTitle } from "hfx/words.js";

const $ = (id) => document.getElementById(id);
const token = new URLSearchParams(location.search).get("token");
const store = new Store();
const table = new Table($("table"), $("search"), $("found"), store);
const plane = new Picture($("plane"), $("tip"), $("spoken"), store, (index, go) => {
  table.show(index);
  if (go) document.querySelector(`#table tr[data-index="${index}"]`)?.focus();
});

let source = null;
let request = { view: null, x: "", y: "", where: "" };

// A plane that cannot be drawn is refused: the page keeps the last one, and says beside the field what is wrong.
let asked = 0;
async function ask(changed) {
  if (store.ended) return;
  const wanted = { ...request, ...changed };
  const mine = (asked += 1);
  const refusal = await refused(token, wanted);
  if (mine !== asked) return;
  store.set({ refusal });
  if (refusal) return;
  request = wanted;
  source?.close();
  source = listen(store, token, request);
}

// The table is large: it follows the data at its own pace, the picture with every frame.
let waiting = null;
function follow() {
  slider();
  plane.update();
  fillSide(store);
  waiting ??= setTimeout(() => { waiting = null; table.update(); table.mark(); }, 120);
}

function look() {
  plane.mark();
  table.mark();
  fillSide(store);
}

// The slider has a stop for each curve of the quantity that is drawn.
let stops = "";
function slider() {
  if (stops === store.curves.join()) return;
  stops = store.curves.join();
  const titles = store.curves.map(curveTitle);
  document.querySelector(".slider").hidden = titles.length < 2;
  $("column").max = Math.max(0, titles.length - 1);
  $("columns").replaceChildren(...titles.map((label, value) => element("option", { value, label })));
  $("stops").replaceChildren(...store.curves.map((name) => element("span", { textContent: shortTitle(name, store.head.surface.median) })));
  store.column = Math.min(store.column, Math.max(0, titles.length - 1));
  chooseCurve();
}

function chooseCurve() {
  store.column = Number($("column").value);
  const title = curveTitle(store.curves[store.column] ?? "");
  $("column-name").textContent = title;
  $("column").setAttribute("aria-valuetext", title);
  plane.update();
  fillSide(store);
}

function axes() {
  const given = () => Object.fromEntries(["x", "y", "where"].map((id) => [id, $(id).value.trim()]));
  $("axes").addEventListener("submit", (event) => { event.preventDefault(); ask(given()); });
  for (const id of ["x", "y", "where"]) $(id).addEventListener("change", () => ask(given()));
  $("axes-reset").addEventListener("click", () => {
    for (const id of ["x", "y", "where"]) $(id).value = "";
    ask(given());
  });
  $("chips").addEventListener("click", ({ target }) => {
    const { where } = target.closest("button")?.dataset ?? {};
    if (!where) return;
    $("where").value = where === store.plane?.where ? "" : where;
    ask(given());
  });
  $("planes").addEventListener("click", ({ target }) => {
    const chosen = target.closest("button")?.dataset;
    if (!chosen) return;
    for (const id of ["x", "y", "where"]) $(id).value = chosen[id];
    ask(given());
  });
  $("view").addEventListener("change", () => ask({ view: $("view").value }));
}

store.addEventListener("data", follow);
store.addEventListener("look", look);
for (const button of document.querySelectorAll("[data-take]")) button.addEventListener("click", () => take(button.dataset.take, store, plane));
$("column").addEventListener("input", chooseCurve);
axes();
ask({});
follow();

// For scripts and measurements.
globalThis.hfx = { store, plane, table };
