// The picture: the SVG that hfx draws, with the lines, bands and points of the results so far filled in.

import { KINDS } from "hfx/store.js";
import { brief, element } from "hfx/words.js";

const REACH = 20;
const MANY = 3000;
const ARROW = 4;
// Far below any axis, in place of values that a logarithmic axis has no place for.
const NOTHING = 1e-300;
const SVG = "http://www.w3.org/2000/svg";

// Each kind of point: strokes [width, colour] of dots, or of a cross. The later kinds lie on top.
const POINTS = {
  planned: { strokes: [[1.8, "#9aa0a8"]] },
  submitted: { strokes: [[2.8, "#9aa0a8"]] },
  running: { strokes: [[5, "#0072b2"], [2.6, "#ffffff"]] },
  done: { strokes: [[4, "#2f4b7c"]] },
  allowed: { strokes: [[4, "#6b6b6b"], [2.5, "#ffffff"]] },
  excluded: { strokes: [[4, "#6b6b6b"]] },
  not_converged: { strokes: [[1, "#aa3377"]], cross: true },
  failed: { strokes: [[1, "#000000"]], cross: true },
  no_signal: { strokes: [[1, "#000000"]], cross: true },
};

// Against one axis these have the colour of their curve, as in files.
const DOT = 5;
const OF_CURVE = ["allowed", "excluded"];

export class Picture {
  #svg = null;
  #drawn = null;
  #places = [];
  #dots = [];
  #below = [];
  #bottom = Infinity;
  #placed = [];
  #scheduled = false;

  constructor(place, tip, spoken, store, onEnter) {
    Object.assign(this, { place, tip, spoken, store, onEnter });
    this.holder = place.querySelector(".svg");
    place.addEventListener("pointermove", (event) => this.#point(event));
    place.addEventListener("pointerleave", () => store.set({ hovered: -1 }));
    place.addEventListener("click", (event) => this.#choose(event));
    place.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.mark()).observe(place);
  }

  // Update with the next frame, once however often it is called.
  update() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#update();
    });
  }

  #update() {
    const { store } = this;
    if (store.svg !== this.#drawn) this.#insert(store.svg);
    if (!this.#svg) return;
    const project = this.#projection();
    this.#place(project);
    this.#fillCurves(project);
    this.#fillPoints(project);
    this.mark();
  }

  #insert(picture) {
    this.#drawn = picture;
    this.#svg = null;
    this.holder.replaceChildren();
    if (!picture) return;
    const parsed = new DOMParser().parseFromString(picture.text, "image/svg+xml").documentElement;
    this.#svg = document.importNode(parsed, true);
    this.#svg.setAttribute("aria-hidden", "true");
    for (const name of ["width", "height"]) this.#svg.removeAttribute(name);
    const points = this.#add(this.#svg, "g", { id: "points", fill: "none", "stroke-linecap": "round" });
    // Arrows for values below the axis are behind the points at its end.
    this.#add(points, "path", { id: "points-below", fill: POINTS.excluded.strokes[0][1], stroke: "none" });
    for (const which of mainCurves(this.store)) this.#add(points, "path", { id: `below-${which}`, stroke: "none" });
    for (const which of mainCurves(this.store)) this.#add(points, "path", { id: `dots-${which}` });
    for (const [kind, { strokes }] of Object.entries(POINTS)) {
      strokes.forEach(([, stroke], i) => this.#add(points, "path", { id: `points-${kind}-${i}`, stroke }));
    }
    const rings = this.#add(this.#svg, "g", { id: "rings", fill: "none" });
    for (const [name, r, colour] of [["selected", 6.5, "#0050b3"], ["hovered", 5.2, "#1c1f24"]]) {
      for (const [width, stroke] of [[3.2, "#ffffff"], [1.5, colour]]) {
        this.#add(rings, "circle", { class: name, r, stroke, "stroke-width": width, visibility: "hidden" });
      }
    }
    this.holder.append(this.#svg);
    const axes = this.#svg.getElementById("axes")?.getBBox();
    this.#bottom = axes ? axes.y + axes.height : Infinity;
  }

  #add(parent, name, attributes) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    parent.append(made);
    return made;
  }

  // The places of the hypotheses, and their dots as parts of a path; without a second axis they depend on the curve.
  #place(project) {
    const { rows, plane, svg, column } = this.store;
    const profile = plane.y === null;
    const made = [plane, svg, rows.length, profile ? [rows, column] : null];
    if (!profile && made.every((part, i) => part === this.#placed[i])) return;
    this.#placed = made;
    this.#places = rows.map((one) => (one.at ? project(one.at[0], profile ? one.numbers?.[column] : one.at[1]) : null));
    this.#below = profile ? rows.map((one, i) => this.#clip(i, one, project)) : [];
    this.#dots = this.#places.map((at) => at && `M${at[0].toFixed(1)} ${at[1].toFixed(1)}h.01`);
  }

  // Whether a value lies below the axis; its place is then at the bottom, where an arrow shows it.
  #clip(i, one, project) {
    const [value, at] = [one.numbers?.[this.store.column], this.#places[i]];
    if (!one.at || value == null || (at && at[1] <= this.#bottom)) return false;
    this.#places[i] = [project(one.at[0], 1)[0], this.#bottom];
    return true;
  }

  // From data to the view box of the SVG; null for a value that a logarithmic axis has no place for.
  #projection() {
    const { transform: [a, b, c, d], logarithmic, logarithmic_x: logarithmicX } = this.store.svg;
    const lies = (x, y) => y != null && !(logarithmic && y <= 0) && !(logarithmicX && x <= 0);
    return (x, y) => (lies(x, y) ? [a * (logarithmicX ? Math.log10(x) : x) + b, c * (logarithmic ? Math.log10(y) : y) + d] : null);
  }

  #fillCurves(project) {
    const { store } = this;
    const { curves = [], bands = [], open_bands: openBands = [] } = store.contour ?? {};
    const profile = store.plane.y === null;
    for (const which of store.curves) {
      const own = this.#svg.getElementById(`curve-${which}`);
      if (!own) continue;
      const parts = curves.filter((curve) => curve.which === which && !(profile && curve.points.length === 1));
      own.setAttribute("d", parts.map((curve) => pieces(curve, project, false)).join(""));
      const width = this.#width(own);
      own.setAttribute("stroke-width", which === store.curves[store.column] ? 1.35 * width : width);
      const open = this.#twin(own, "open", { "stroke-width": 1, "stroke-dasharray": "1.2 2.6", "stroke-linecap": "butt", "stroke-opacity": 0.75 });
      open.setAttribute("d", parts.map((curve) => pieces(curve, project, true)).join(""));
    }
    bands.forEach((rings, i) => {
      const own = this.#svg.getElementById(`band-${i}`);
      if (!own) return;
      own.setAttribute("fill-rule", "evenodd");
      own.setAttribute("d", rings.map((ring) => trace(ring, project, true)).join(""));
      const open = this.#twin(own, "open", { opacity: 0.35 });
      open.setAttribute("d", (openBands[i] ?? []).map((ring) => trace(ring, project, true)).join(""));
    });
    this.#fillSelected(curves, project);
  }

  // The curve that is looked at, where the picture has no element of its own for it.
  #fillSelected(curves, project) {
    const { store } = this;
    const which = store.curves[store.column];
    const model = this.#svg.getElementById(`curve-${store.head.surface?.median}`) ?? this.#svg.getElementById(`curve-${store.curves[0]}`);
    if (!model) return;
    const extra = this.#twin(model, "selected", { "stroke-dasharray": "5 2 1 2" });
    const shown = !this.#svg.getElementById(`curve-${which}`);
    const parts = shown ? curves.filter((curve) => curve.which === which) : [];
    extra.setAttribute("d", parts.map((curve) => pieces(curve, project, false)).join(""));
  }

  #width(path) {
    path.dataset.width ??= path.getAttribute("stroke-width") ?? "1";
    return Number(path.dataset.width);
  }

  // A second path of the same look, but for some attributes.
  #twin(path, name, attributes) {
    const id = `${path.id}-${name}`;
    const there = this.#svg.getElementById(id);
    if (there) return there;
    const made = path.cloneNode(false);
    made.id = id;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    path.after(made);
    return made;
  }

  // One path for all points of a kind: ten thousand points are a few elements.
  #fillPoints(project) {
    const { store } = this;
    const parts = Object.fromEntries(Object.keys(POINTS).map((kind) => [kind, []]));
    const area = this.#svg.viewBox.baseVal.width * this.#svg.viewBox.baseVal.height * 0.55;
    const size = Math.min(1, Math.sqrt(area / Math.max(1, store.shown.length)) / 6.5);
    const r = 2.4 * size;
    const below = [];
    for (const one of store.shown) {
      const at = this.#places[one.index];
      if (!at) continue;
      const kind = store.kind(one);
      if (this.#below[one.index]) { below.push(arrow(at[0], at[1], ARROW)); continue; }
      const cross = () => `M${at[0] - r} ${at[1] - r}l${2 * r} ${2 * r}m${-2 * r} 0l${2 * r} ${-2 * r}`;
      parts[kind]?.push(POINTS[kind].cross ? cross() : this.#dots[one.index]);
    }
    const colour = store.plane.y === null ? this.#colour(store.curves[store.column]) : null;
    const arrows = this.#svg.getElementById("points-below");
    arrows.setAttribute("d", below.join(""));
    arrows.setAttribute("fill", colour ?? POINTS.excluded.strokes[0][1]);
    if (store.below !== below.length) store.set({ below: below.length });
    // Squares are drawn faster; so small that nobody sees a difference.
    this.#svg.getElementById("points").setAttribute("stroke-linecap", store.shown.length > MANY ? "square" : "round");
    for (const [kind, { strokes }] of Object.entries(POINTS)) strokes.forEach(([width, stroke], i) => {
      const path = this.#svg.getElementById(`points-${kind}-${i}`);
      path.setAttribute("d", parts[kind].join(""));
      const own = OF_CURVE.includes(kind) && colour;
      path.setAttribute("stroke", own || stroke);
      path.setAttribute("stroke-width", (own ? DOT : width) * size);
    });
    for (const which of mainCurves(store)) this.#fillOther(which, project, size);
  }

  // Against one axis: the points of the observed curve and the median, as in files, where these are not looked at themselves.
  #fillOther(which, project, size) {
    const { store } = this;
    const [dots, below] = ["dots", "below"].map((kind) => this.#svg.getElementById(`${kind}-${which}`));
    const shown = store.plane.y === null && which !== store.curves[store.column];
    const parts = { dots: [], below: [] };
    for (const one of shown ? store.shown : []) {
      const value = one.numbers?.[store.curves.indexOf(which)];
      if (value == null || one.status === "not_converged") continue;
      const at = project(one.at[0], value);
      if (at && at[1] <= this.#bottom) parts.dots.push(`M${at[0].toFixed(1)} ${at[1].toFixed(1)}h.01`);
      else parts.below.push(arrow(project(one.at[0], 1)[0], this.#bottom, 0.7 * ARROW));
    }
    for (const [name, value] of Object.entries({ d: parts.dots.join(""), stroke: this.#colour(which), "stroke-width": DOT * size })) dots.setAttribute(name, value);
    for (const [name, value] of Object.entries({ d: parts.below.join(""), fill: this.#colour(which) })) below.setAttribute(name, value);
  }

  // The colour of a curve; of one that the picture has no element for, that of the median.
  #colour(which) {
    const curve = [which, this.store.head.surface?.median].map((name) => this.#svg.getElementById(`curve-${name}`)).find(Boolean);
    return curve?.getAttribute("stroke") ?? POINTS.excluded.strokes[0][1];
  }

  // Where a hypothesis is drawn, in pixels of the picture's place; null where it is not.
  placeOf(one) {
    const at = this.#places[one.index];
    if (!at || !this.#svg) return null;
    const [frame, picture] = [this.place.getBoundingClientRect(), this.#svg.getBoundingClientRect()];
    const scale = picture.width / this.store.svg.width;
    return [picture.left - frame.left + at[0] * scale, picture.top - frame.top + at[1] * scale];
  }

  // Rings around the hovered and the selected point, and the text beside the first.
  mark() {
    if (!this.#svg) { this.tip.hidden = true; return; }
    const { rows } = this.store;
    for (const name of ["selected", "hovered"]) {
      const at = this.#places[this.store[name]];
      for (const circle of this.#svg.querySelectorAll(`#rings .${name}`)) {
        circle.setAttribute("visibility", at ? "visible" : "hidden");
        if (at) { circle.setAttribute("cx", at[0]); circle.setAttribute("cy", at[1]); }
      }
    }
    this.#tip(this.store.hovered >= 0 ? rows[this.store.hovered] : null);
  }

  #tip(one) {
    const at = one && this.placeOf(one);
    this.tip.hidden = !at;
    if (!at) return;
    this.tip.replaceChildren(element("strong", { textContent: one.name }), element("span", { textContent: brief(one, this.store) }));
    const { offsetWidth: width, offsetHeight: height } = this.tip;
    const [x, y] = at;
    this.tip.style.left = `${Math.max(4, Math.min(this.place.clientWidth - width - 4, x + 14))}px`;
    this.tip.style.top = `${y - height - 12 > 0 ? y - height - 12 : y + 14}px`;
  }

  #nearest(event) {
    if (!this.#svg) return -1;
    const picture = this.#svg.getBoundingClientRect();
    const scale = picture.width / this.store.svg.width;
    const [x, y] = [(event.clientX - picture.left) / scale, (event.clientY - picture.top) / scale];
    let [best, least] = [-1, (REACH / scale) ** 2];
    this.#places.forEach((at, index) => {
      if (!at) return;
      const distance = (at[0] - x) ** 2 + (at[1] - y) ** 2;
      if (distance < least) [best, least] = [index, distance];
    });
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
    const { selected } = this.store;
    if (event.key in ways) {
      event.preventDefault();
      this.#go(ways[event.key]);
    } else if (event.key === "Enter" && selected >= 0) this.onEnter(selected, true);
    else if (event.key === "Escape") this.store.set({ selected: -1, hovered: -1 });
  }

  // The next point in a direction: near, and rather straight ahead than to the side.
  #go([dx, dy]) {
    const { selected, rows } = this.store;
    const here = this.#places[selected];
    let [best, least] = [-1, Infinity];
    this.#places.forEach((at, index) => {
      if (!at || index === selected || (!here && best >= 0)) return;
      if (!here) { best = index; return; }
      const [a, b] = [at[0] - here[0], at[1] - here[1]];
      const [along, aside] = [a * dx + b * dy, Math.abs(a * dy - b * dx)];
      const cost = along + 2.5 * aside;
      if (along > 0.2 && cost < least) [best, least] = [index, cost];
    });
    if (best < 0) return;
    this.store.set({ selected: best });
    this.spoken.textContent = `${rows[best].name}: ${brief(rows[best], this.store)}`;
  }

  // The picture as it stands, for a file; null where there is none.
  text(description) {
    if (!this.#svg) return null;
    const copy = this.#svg.cloneNode(true);
    copy.querySelector("#rings").remove();
    copy.removeAttribute("aria-hidden");
    copy.setAttribute("width", `${this.store.svg.width}pt`);
    copy.setAttribute("height", `${this.store.svg.height}pt`);
    const [words, paper] = [document.createElementNS(SVG, "desc"), document.createElementNS(SVG, "rect")];
    words.textContent = description;
    for (const [key, value] of Object.entries({ width: "100%", height: "100%", fill: "#ffffff" })) paper.setAttribute(key, value);
    copy.prepend(words, paper);
    return `${new XMLSerializer().serializeToString(copy)}\n`;
  }
}

// The kinds of points that the picture's legend does not name, as they are now.
export function openKinds(store) {
  const present = new Set(store.shown.map((one) => store.kind(one)));
  const kinds = ["planned", "submitted", "running", "not_converged"].filter((kind) => present.has(kind)).map((kind) => [kind, KINDS[kind]]);
  return store.below && !store.svg?.names_below ? [...kinds, ["below", "value below the axis"]] : kinds;
}

export function madeOf(store, shown = store.shown) {
  if (!shown.length) return "No hypothesis is known yet";
  const done = shown.filter((one) => one.numbers && one.status !== "not_converged").length;
  const state = store.status?.state;
  const how = { finished: "scan finished", stopped: "scan stopped", failed: "scan failed" }[state] ?? (state === "running" ? "scan running" : "not begun");
  const { contour } = store;
  const behind = contour && contour.made_of !== done && contour.made_of ? `, contour from ${contour.made_of} of them` : "";
  return [`${done} of ${shown.length} hypotheses fitted${behind}`, how, store.head.surface?.statement].filter(Boolean).join(" · ");
}

// An arrow that points down to a place.
function arrow(x, y, size) {
  return `M${x - size} ${y - 1.8 * size}h${2 * size}L${x} ${y}Z`;
}

// The observed curve and the median, where there is one.
function mainCurves({ curves, head }) {
  return [...new Set([curves[0], head.surface?.median])].filter(Boolean);
}

function trace(points, project, close) {
  const path = points.map(([x, y], i) => { const [a, b] = project(x, y) ?? project(x, NOTHING); return `${i ? "L" : "M"}${a.toFixed(2)} ${b.toFixed(2)}`; });
  return path.join("") + (close ? "Z" : "");
}

// The segments of a curve that are settled, or those that are open.
function pieces({ points, open: marked = [] }, project, open) {
  const which = new Set(marked);
  if (points.length === 1 && which.has(0) === open) {
    const [x, y] = project(...points[0]);
    return `M${x - 3} ${y}L${x} ${y - 3}L${x + 3} ${y}L${x} ${y + 3}Z`;
  }
  const parts = [];
  let down = false;
  for (let i = 0; i + 1 < points.length; i += 1) {
    if (which.has(i) !== open || !project(...points[i]) || !project(...points[i + 1])) { down = false; continue; }
    parts.push(trace(down ? [points[i + 1]] : [points[i], points[i + 1]], project, false));
    if (down) parts.push(parts.pop().replace("M", "L"));
    down = true;
  }
  return parts.join("");
}
