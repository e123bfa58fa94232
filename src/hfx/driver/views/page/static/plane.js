// The plane on the screen: drawn when something has changed, pointed at with mouse, finger or keys.

import { theme } from "hfx/colours.js";
import { shape } from "hfx/marks.js";
import { draw } from "hfx/picture.js";
import { KINDS, kind } from "hfx/store.js";
import { element, number } from "hfx/words.js";

const REACH = 20;

export class Plane {
  #scales = null;
  #asked = false;
  #size = { width: 0, height: 0 };

  constructor(place, tip, spoken, store, onEnter) {
    Object.assign(this, { place, tip, spoken, store, onEnter, frames: [] });
    [this.base, this.points, this.over] = place.querySelectorAll("canvas");
    new ResizeObserver(() => this.update()).observe(place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.update());
    place.addEventListener("pointermove", (event) => this.#point(event));
    place.addEventListener("pointerleave", () => store.set({ hovered: -1 }));
    place.addEventListener("click", (event) => this.#choose(event));
    place.addEventListener("keydown", (event) => this.#key(event));
  }

  // Draw with the next frame, once however often it is asked for.
  update() {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      const began = performance.now();
      this.#draw();
      this.frames.push(performance.now() - began);
      if (this.frames.length > 600) this.frames.shift();
    });
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.place;
    if (!width || !height) return;
    this.#size = { width, height };
    const ratio = Math.min(devicePixelRatio || 1, 2.5);
    for (const canvas of [this.base, this.points, this.over]) {
      if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(height * ratio);
      }
    }
    const context = this.base.getContext("2d", { alpha: false });
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const layer = this.points.getContext("2d");
    layer.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#scales = draw(context, this.#size, this.store, theme(), layer);
    this.mark();
  }

  // Where a hypothesis is drawn; null where it is not.
  placeOf(one) {
    const profile = this.store.plane?.y === null;
    const cls = one.cls?.[this.store.column];
    if (!one.at || !this.#scales || (profile && cls == null)) return null;
    return [this.#scales.x(one.at[0]), this.#scales.y(profile ? cls : one.at[1])];
  }

  // Rings around what is pointed at and what is chosen; the words beside the first.
  mark() {
    const context = this.over.getContext("2d");
    const ratio = this.over.width / (this.#size.width || 1);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.#size.width, this.#size.height);
    const { hovered, selected, rows } = this.store;
    for (const [index, radius] of [[selected, 10], [hovered, 8]]) {
      const at = index >= 0 && rows[index] && this.placeOf(rows[index]);
      if (at) ring(context, at, radius, theme(), index === selected);
    }
    this.#tip(hovered >= 0 ? rows[hovered] : null);
  }

  #tip(one) {
    const at = one && this.placeOf(one);
    this.tip.hidden = !at;
    if (!at) return;
    this.tip.replaceChildren(element("strong", { textContent: one.name }), element("span", { textContent: brief(one, this.store.column) }));
    const { offsetWidth: width, offsetHeight: height } = this.tip;
    const [x, y] = at;
    this.tip.style.left = `${Math.max(4, Math.min(this.#size.width - width - 4, x + 14))}px`;
    this.tip.style.top = `${y - height - 12 > 0 ? y - height - 12 : y + 14}px`;
  }

  #nearest(event) {
    const frame = this.place.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    let [best, least] = [-1, REACH ** 2];
    for (const one of this.store.rows) {
      const at = this.placeOf(one);
      const distance = at ? (at[0] - x) ** 2 + (at[1] - y) ** 2 : Infinity;
      if (distance < least) [best, least] = [one.index, distance];
    }
    return best;
  }

  #point(event) {
    const hovered = this.#nearest(event);
    if (hovered !== this.store.hovered) this.store.set({ hovered });
  }

  #choose(event) {
    const selected = this.#nearest(event);
    this.store.set({ selected });
    if (selected >= 0) this.onEnter(selected, false);
  }

  #key(event) {
    const ways = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const { selected, rows } = this.store;
    if (event.key in ways) {
      event.preventDefault();
      this.#go(rows[selected], ways[event.key]);
    } else if (event.key === "Enter" && selected >= 0) this.onEnter(selected, true);
    else if (event.key === "Escape") this.store.set({ selected: -1, hovered: -1 });
  }

  // The next point in a direction: near, and rather straight ahead than aside.
  #go(from, [dx, dy]) {
    const here = from && this.placeOf(from);
    let [best, least] = [null, Infinity];
    for (const one of this.store.rows) {
      const at = this.placeOf(one);
      if (!at || one === from) continue;
      if (!here) { best = one; break; }
      const [a, b] = [at[0] - here[0], at[1] - here[1]];
      const [along, aside] = [a * dx + b * dy, Math.abs(a * dy - b * dx)];
      const cost = along + 2.5 * aside;
      if (along > 0.5 && cost < least) [best, least] = [one, cost];
    }
    if (!best) return;
    this.store.set({ selected: best.index });
    this.spoken.textContent = `${best.name}: ${brief(best, this.store.column)}`;
  }
}

function brief(one, column) {
  if (!one.cls) return KINDS[kind(one, column)] + (one.reason ? `: ${one.reason}` : "");
  return `CLs observed ${number(one.cls[0])}, expected ${number(one.cls[3])}; ${KINDS[kind(one, column)]}`;
}

function ring(context, [x, y], radius, colours, chosen) {
  for (const [width, colour] of [[5, colours.paper], [2.4, chosen ? colours.ring : colours.ink]]) {
    context.beginPath();
    shape(context, "ring", x, y, radius);
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
  }
}
