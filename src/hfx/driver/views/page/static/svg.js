// A canvas' context that writes SVG: the part of the interface that the picture uses.

export class SvgContext {
  #parts = [];
  #path = [];
  #stack = [];
  #clips = 0;
  #open = 0;
  #measure = document.createElement("canvas").getContext("2d");

  constructor(width, height, description) {
    Object.assign(this, { width, height, description, fillStyle: "#000", strokeStyle: "#000", lineWidth: 1, globalAlpha: 1, font: "10px sans-serif", textAlign: "left", lineJoin: "miter", transform: "" });
    this.dashes = [];
  }

  save() {
    const { fillStyle, strokeStyle, lineWidth, globalAlpha, font, textAlign, lineJoin, dashes, transform } = this;
    this.#stack.push([{ fillStyle, strokeStyle, lineWidth, globalAlpha, font, textAlign, lineJoin, dashes, transform }, this.#open]);
    this.#open = 0;
  }

  restore() {
    this.#parts.push("</g>".repeat(this.#open));
    const [state, open] = this.#stack.pop();
    Object.assign(this, state);
    this.#open = open;
  }

  clip() {
    this.#clips += 1;
    this.#parts.push(`<clipPath id="c${this.#clips}"><path d="${this.#path.join("")}"/></clipPath><g clip-path="url(#c${this.#clips})">`);
    this.#open += 1;
  }

  translate(x, y) { this.transform += ` translate(${short(x)} ${short(y)})`; }
  rotate(angle) { this.transform += ` rotate(${short((angle * 180) / Math.PI)})`; }
  setLineDash(dashes) { this.dashes = dashes; }
  beginPath() { this.#path = []; }
  moveTo(x, y) { this.#path.push(`M${short(x)} ${short(y)}`); }
  lineTo(x, y) { this.#path.push(`L${short(x)} ${short(y)}`); }
  closePath() { this.#path.push("Z"); }
  rect(x, y, w, h) { this.#path.push(`M${short(x)} ${short(y)}h${short(w)}v${short(h)}h${short(-w)}Z`); }

  // Whole circles only, begun at their right end.
  arc(x, y, r) { this.#path.push(`A${short(r)} ${short(r)} 0 1 1 ${short(x - r)} ${short(y)}A${short(r)} ${short(r)} 0 1 1 ${short(x + r)} ${short(y)}`); }

  fill(rule = "nonzero") { this.#add(`fill="${this.fillStyle}" fill-rule="${rule}"`); }

  stroke() {
    const dashes = this.dashes.length ? ` stroke-dasharray="${this.dashes.join(" ")}"` : "";
    this.#add(`fill="none" stroke="${this.strokeStyle}" stroke-width="${short(this.lineWidth)}" stroke-linejoin="${this.lineJoin}"${dashes}`);
  }

  #add(look) {
    if (this.#path.length) this.#parts.push(`<path d="${this.#path.join("")}" ${look}${this.#alpha()}/>`);
  }

  #alpha() { return this.globalAlpha < 1 ? ` opacity="${this.globalAlpha}"` : ""; }
  fillRect(x, y, w, h) { this.#parts.push(`<rect x="${short(x)}" y="${short(y)}" width="${short(w)}" height="${short(h)}" fill="${this.fillStyle}"/>`); }
  strokeRect(x, y, w, h) { this.beginPath(); this.rect(x, y, w, h); this.stroke(); }

  measureText(string) {
    this.#measure.font = this.font;
    return this.#measure.measureText(string);
  }

  fillText(string, x, y) {
    const [, weight = "", size, family] = this.font.match(/^(\d+ )?([\d.]+)px (.*)$/);
    const anchor = { left: "start", center: "middle", right: "end" }[this.textAlign];
    const moved = this.transform ? ` transform="${this.transform.trim()}"` : "";
    this.#parts.push(`<text x="${short(x)}" y="${short(y)}" font-family="${escaped(family)}" font-size="${size}" ${weight ? `font-weight="${weight.trim()}" ` : ""}text-anchor="${anchor}" fill="${this.fillStyle}"${moved}>${escaped(string)}</text>`);
  }

  text() {
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${this.width}" height="${this.height}" viewBox="0 0 ${this.width} ${this.height}"><desc>${escaped(this.description)}</desc>${this.#parts.join("")}</svg>\n`;
  }
}

function short(value) {
  return String(Math.round(value * 100) / 100);
}

function escaped(string) {
  return String(string).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
