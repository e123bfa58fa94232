// Downloads: made here, from what the page shows; they work when the server has gone, too.

import { THEMES } from "hfx/colours.js";
import { draw, madeOf } from "hfx/picture.js";
import { COLUMNS } from "hfx/store.js";
import { SvgContext } from "hfx/svg.js";
import { element } from "hfx/words.js";

const SIZE = { width: 900, height: 720 };
const EXPECTED = ["CLs_exp_m2", "CLs_exp_m1", "CLs_exp_0", "CLs_exp_p1", "CLs_exp_p2"];

export async function take(kind, store) {
  const made = await MAKERS[kind](store);
  const link = element("a", { href: URL.createObjectURL(made), download: `${fileName(store)}.${kind}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const MAKERS = {
  png(store) {
    const canvas = element("canvas", { width: SIZE.width * 2, height: SIZE.height * 2 });
    const context = canvas.getContext("2d");
    context.scale(2, 2);
    draw(context, SIZE, store, THEMES.light);
    return new Promise((done) => { canvas.toBlob(done, "image/png"); });
  },
  svg: (store) => new Blob([svg(store)], { type: "image/svg+xml" }),
  csv: (store) => new Blob([csv(store)], { type: "text/csv" }),
  json: (store) => new Blob([`${JSON.stringify(content(store), null, 1)}\n`], { type: "application/json" }),
};

export function svg(store) {
  const context = new SvgContext(SIZE.width, SIZE.height, `${madeOf(store)}; hfx ${store.head.hfx}; ${store.head.command}; digest ${store.head.digest}`);
  draw(context, SIZE, store, THEMES.light);
  return context.text();
}

export function csv(store) {
  const head = ["name", ...(store.head.labels ?? []), "state", "CLs_obs", ...EXPECTED, "muhat", "status", "seconds", "worker"];
  const lines = store.shown.map((one) => [
    one.name, ...one.values, one.state, ...(one.cls ?? Array(6).fill(null)), one.muhat, one.state === "fitted" && one.converged ? "converged" : one.reason, one.seconds, one.worker,
  ]);
  return `${[head, ...lines].map((line) => line.map(cell).join(",")).join("\r\n")}\r\n`;
}

function cell(value) {
  const text = value == null ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function content(store) {
  return {
    ...store.head,
    state: store.status?.state,
    made_of: madeOf(store),
    shown: COLUMNS[store.column],
    axes: store.plane && { x: store.plane.x, y: store.plane.y, where: store.plane.where },
    contour: store.contour,
    results: store.shown.map(({ name, values, state, cls, muhat, converged, reason, note, seconds, worker }) => ({
      name, values, state, CLs_obs: cls?.[0] ?? null, CLs_exp: cls?.slice(1) ?? null, muhat, status: state === "fitted" ? (converged ? "converged" : reason) : null, reason, note, seconds, worker,
    })),
  };
}

function fileName({ head, status }) {
  const name = [head.name, head.region].filter(Boolean).join("-").replace(/[^\w.-]+/g, "-") || "hfx";
  return status?.state === "finished" ? name : `${name}-${status?.state ?? "begun"}`;
}
