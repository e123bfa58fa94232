// Downloads: made in the browser from what the page shows, so that they work when the server has ended, too.

import { madeOf } from "hfx/picture.js";
import { curveTitle, element } from "hfx/words.js";

const SCALE = 2.5;

export async function take(kind, store, picture) {
  const made = await MAKERS[kind](store, picture);
  if (!made) return;
  const link = element("a", { href: URL.createObjectURL(made), download: `${fileName(store)}.${kind}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const MAKERS = {
  async png(store, picture) {
    const text = picture.text(description(store));
    if (!text) return null;
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
    await image.decode();
    const canvas = element("canvas", { width: store.svg.width * SCALE, height: store.svg.height * SCALE });
    const context = canvas.getContext("2d");
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => { canvas.toBlob(done, "image/png"); });
  },
  svg(store, picture) {
    const text = picture.text(description(store));
    return text && new Blob([text], { type: "image/svg+xml" });
  },
  csv: (store) => new Blob([csv(store)], { type: "text/csv" }),
  json: (store) => new Blob([`${JSON.stringify(content(store), null, 1)}\n`], { type: "application/json" }),
};

function description(store) {
  return `${madeOf(store)}; hfx ${store.head.hfx}; ${store.head.command}; digest ${store.head.digest}`;
}

const statusOf = (one) => (one.numbers && one.status !== "not_converged" ? "converged" : one.reason);

// The columns of the question by name; the status of a hypothesis without a result is the reason.
function columns(store, one) {
  const named = Object.fromEntries((store.head.columns ?? []).map(({ name }, i) => [name, one.cells[i] ?? null]));
  return { ...named, status: statusOf(one) };
}

export function csv(store) {
  const names = [...new Set([...(store.head.columns ?? []).map(({ name }) => name), "status"])];
  const head = ["name", ...(store.head.labels ?? []), "state", ...names, "seconds", "worker"];
  const lines = store.shown.map((one) => {
    const values = columns(store, one);
    return [one.name, ...one.values, one.status, ...names.map((name) => values[name]), one.seconds, one.worker];
  });
  return `${[head, ...lines].map((line) => line.map(cell).join(",")).join("\r\n")}\r\n`;
}

// What a spreadsheet would take for a formula has a quotation mark before it, unless it is a number.
function cell(value) {
  const formula = typeof value === "string" && /^[=+\-@\t\r]/.test(value) && !(value.trim() && Number.isFinite(Number(value)));
  const text = value == null ? "" : `${formula ? "'" : ""}${value}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function content(store) {
  return {
    ...store.head,
    state: store.status?.state,
    made_of: madeOf(store),
    shown: curveTitle(store.curves[store.column] ?? ""),
    axes: store.plane && { x: store.plane.x, y: store.plane.y, where: store.plane.where },
    contour: store.contour,
    results: store.shown.map((one) => ({
      name: one.name, values: one.values, state: one.status, numbers: one.numbers, ...columns(store, one), reason: one.reason,
      remarks: one.remarks, seconds: one.seconds, worker: one.worker,
    })),
  };
}

function fileName({ head, status }) {
  const name = [head.name, head.region].filter(Boolean).join("-").replace(/[^\w.-]+/g, "-") || "hfx";
  return status?.state === "finished" ? name : `${name}-${status?.state ?? "begun"}`;
}
