// The page: the store, what fills it, and what shows it.

import { Plane } from "hfx/plane.js";
import { fillSide } from "hfx/side.js";
import { COLUMNS, Store, listen } from "hfx/store.js";
import { Table } from "hfx/table.js";
import { take } from "hfx/take.js";
import { element } from "hfx/words.js";

const $ = (id) => document.getElementById(id);
const token = new URLSearchParams(location.search).get("token");
const store = new Store();
const table = new Table($("table"), $("search"), $("found"), store);
const plane = new Plane($("plane"), $("tip"), $("spoken"), store, (index, go) => {
  table.show(index);
  if (go) document.querySelector(`#table tr[data-index="${index}"]`)?.focus();
});

let source = null;
let asked = { view: null, x: "", y: "", where: "" };

function ask(more) {
  if (store.ended) return;
  asked = { ...asked, ...more };
  source?.close();
  source = listen(store, token, asked);
}

// The table is large: it follows the data at its own pace, the picture with every frame.
let waiting = null;
function follow() {
  plane.update();
  fillSide(store);
  waiting ??= setTimeout(() => { waiting = null; table.update(); table.mark(); }, 120);
}

function look() {
  plane.mark();
  table.mark();
  fillSide(store);
}

function slider() {
  $("columns").replaceChildren(...COLUMNS.map((label, value) => element("option", { value, label })));
  $("stops").replaceChildren(...["obs.", "−2σ", "−1σ", "median", "+1σ", "+2σ"].map((textContent) => element("span", { textContent })));
  const choose = () => {
    store.column = Number($("column").value);
    $("column-name").textContent = COLUMNS[store.column];
    $("column").setAttribute("aria-valuetext", COLUMNS[store.column]);
    plane.update();
    fillSide(store);
  };
  $("column").addEventListener("input", choose);
  choose();
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
  $("view").addEventListener("change", () => ask({ view: $("view").value }));
}

store.addEventListener("data", follow);
store.addEventListener("look", look);
for (const button of document.querySelectorAll("[data-take]")) button.addEventListener("click", () => take(button.dataset.take, store));
slider();
axes();
ask({});
follow();

// For whoever wants to measure or to script the page.
globalThis.hfx = { store, plane, table };
