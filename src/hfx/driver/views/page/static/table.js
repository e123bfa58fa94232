// The table: sorted and searched; only the visible rows are in the document.

import { KINDS } from "hfx/store.js";
import { clock, duration, element, number } from "hfx/words.js";

const HEIGHT = 30;
const SPARE = 8;

export class Table {
  #shown = [];
  #sort = { key: "", down: false };
  #labels = null;
  #known = "";

  constructor(place, search, found, store) {
    Object.assign(this, { place, search, found, store });
    this.head = element("tr", { role: "row" });
    this.body = element("tbody", { role: "rowgroup" });
    this.table = element("table", { role: "grid" }, element("thead", { role: "rowgroup" }, this.head), this.body);
    this.table.setAttribute("aria-labelledby", "table-title");
    place.append(this.table);
    place.addEventListener("scroll", () => this.#fill(), { passive: true });
    search.addEventListener("input", () => this.update());
    this.body.addEventListener("click", (event) => this.#pick(event.target.closest("tr")));
    this.body.addEventListener("pointerover", (event) => this.#hover(event.target.closest("tr")));
    this.body.addEventListener("pointerleave", () => store.set({ hovered: -1 }));
    this.body.addEventListener("keydown", (event) => this.#key(event));
  }

  // The columns: {key, title, value, text}.
  get #columns() {
    const { labels = [] } = this.store.head;
    const values = (this.#labels ?? labels).map((label, i) => ({ key: `value ${i}`, title: label, value: (one) => one.values[i], text: (one) => number(one.values[i], 6) }));
    const cell = (one, i) => one.cells[i] ?? null;
    const shown = (value) => (typeof value === "string" ? value : number(value));
    const own = (this.store.head.columns ?? []).map(({ name, title }, i) => ({ key: `column ${name}`, name, title, value: (one) => cell(one, i), text: (one) => shown(cell(one, i)) }));
    return [
      { key: "name", title: "Name", value: (one) => one.name, text: (one) => one.name },
      ...values,
      { key: "state", title: "State", value: (one) => this.#state(one), text: (one) => this.#state(one) },
      ...own.filter(({ name }) => name !== "status"),  // the state tells it
      { key: "seconds", title: "Time", value: (one) => one.seconds, text: (one) => duration(one.seconds) },
      { key: "time", title: "At", value: (one) => one.time, text: (one) => clock(one.time) },
      { key: "worker", title: "Worker", value: (one) => one.worker, text: (one) => one.worker },
    ];
  }

  // The labels and columns of the question, to see whether they have changed.
  get #titles() {
    return JSON.stringify([this.store.head.labels, this.store.head.columns]);
  }

  #state(one) {
    return KINDS[this.store.kind(one, 0)];
  }

  update() {
    if (this.#known !== this.#titles || !this.head.children.length) {
      this.#labels = this.store.head.labels ?? [];
      this.#known = this.#titles;
      this.#heads();
    }
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = (one) => `${one.name} ${this.#state(one)} ${one.reason} ${one.worker}`.toLowerCase();
    const all = this.store.shown;
    this.#shown = words.length ? all.filter((one) => words.every((word) => text(one).includes(word))) : all;
    this.#order();
    const said = words.length || all.length !== this.store.rows.length ? `${this.#shown.length} of ${this.store.rows.length}` : `${all.length}`;
    if (this.found.textContent !== said) this.found.textContent = said;
    this.table.setAttribute("aria-rowcount", this.#shown.length + 1);
    this.#fill();
  }

  #heads() {
    this.head.replaceChildren(...this.#columns.map(({ key, title }) => {
      const button = element("button", { type: "button", textContent: title });
      button.addEventListener("click", () => this.#sortBy(key));
      const head = element("th", { scope: "col", role: "columnheader" }, button);
      head.dataset.key = key;
      return head;
    }));
  }

  #sortBy(key) {
    const again = this.#sort.key === key;
    this.#sort = again && this.#sort.down ? { key: "", down: false } : { key, down: again };
    for (const head of this.head.children) {
      const own = head.dataset.key === this.#sort.key;
      if (own) head.setAttribute("aria-sort", this.#sort.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    this.place.scrollTop = 0;
    this.update();
  }

  #order() {
    const column = this.#columns.find(({ key }) => key === this.#sort.key);
    if (!column) return;
    const sign = this.#sort.down ? -1 : 1;
    const given = (value) => value != null && value !== "";
    const keyed = this.#shown.map((one) => [column.value(one), one]);
    keyed.sort(([a], [b]) => {
      if (!given(a) || !given(b)) return given(b) - given(a);
      return sign * (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b);
    });
    this.#shown = keyed.map(([, one]) => one);
  }

  #fill() {
    const first = Math.max(0, Math.floor(this.place.scrollTop / HEIGHT) - SPARE);
    const last = Math.min(this.#shown.length, first + Math.ceil(this.place.clientHeight / HEIGHT) + 2 * SPARE);
    const focused = document.activeElement?.closest?.("tbody tr")?.dataset.index;
    const columns = this.#columns;
    const rows = this.#shown.slice(first, last).map((one, i) => this.#row(one, first + i, columns));
    this.body.replaceChildren(this.#space(first), ...rows, this.#space(this.#shown.length - last));
    if (focused !== undefined) this.body.querySelector(`tr[data-index="${focused}"]`)?.focus({ preventScroll: true });
  }

  #space(count) {
    const spacer = element("tr", { role: "presentation", className: "space" }, element("td", { colSpan: 99, role: "presentation" }));
    spacer.style.height = `${count * HEIGHT}px`;
    return spacer;
  }

  #row(one, position, columns) {
    const cells = columns.map(({ key, text }) => {
      const cell = element("td", { role: "gridcell", textContent: text(one) });
      if (key === "state") cell.dataset.kind = this.store.kind(one, 0);
      if (key === "state" && one.reason) cell.title = one.reason;
      return cell;
    });
    const row = element("tr", { role: "row", tabIndex: one.index === this.store.selected || (this.store.selected < 0 && position === 0) ? 0 : -1 }, ...cells);
    row.setAttribute("aria-rowindex", position + 2);
    row.setAttribute("aria-selected", one.index === this.store.selected);
    row.dataset.index = one.index;
    row.dataset.position = position;
    return row;
  }

  #pick(row) {
    if (row?.dataset.index) this.store.set({ selected: Number(row.dataset.index) });
  }

  #hover(row) {
    const hovered = row?.dataset.index ? Number(row.dataset.index) : -1;
    if (hovered !== this.store.hovered) this.store.set({ hovered });
  }

  #key(event) {
    const row = event.target.closest("tr");
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
    if (!row || !(event.key in steps)) { if (event.key === "Enter") this.#pick(row); return; }
    event.preventDefault();
    const to = Math.max(0, Math.min(this.#shown.length - 1, Number(row.dataset.position) + steps[event.key]));
    const one = this.#shown[to];
    this.store.set({ selected: one.index });
    this.show(one.index);
    this.body.querySelector(`tr[data-index="${one.index}"]`)?.focus({ preventScroll: true });
  }

  // Which row is pointed at or chosen; no row is made anew for it.
  mark() {
    for (const row of this.body.children) {
      if (!row.dataset.index) continue;
      const index = Number(row.dataset.index);
      row.classList.toggle("hovered", index === this.store.hovered);
      row.setAttribute("aria-selected", index === this.store.selected);
      row.tabIndex = index === this.store.selected || (this.store.selected < 0 && row.dataset.position === "0") ? 0 : -1;
    }
  }

  // Scroll to a hypothesis.
  show(index) {
    const at = this.#shown.findIndex((one) => one.index === index);
    if (at < 0) return;
    const [top, height] = [at * HEIGHT, this.place.clientHeight - 2 * HEIGHT];
    if (top < this.place.scrollTop || top > this.place.scrollTop + height) this.place.scrollTop = Math.max(0, top - height / 2);
    this.#fill();
    this.mark();
  }
}
