// The state of the page: messages of the stream change it, the views listen to it.

export class Store extends EventTarget {
  // `rows` are all hypotheses, `shown` those of the plane's selection; `column` is the curve that points and bold line show.
  constructor() {
    super();
    Object.assign(this, {
      head: {}, status: null, trouble: null, rows: [], shown: [], plane: null, svg: null, contour: null, views: [], view: null, current: "",
      folder: null, ends_with_scan: false, column: 0, hovered: -1, selected: -1, error: "", refusal: null, below: 0, ended: "", connected: false, place: "",
    });
  }

  // The names of the curves of the quantity that is drawn.
  get curves() {
    return this.head.surface?.curves ?? [];
  }

  // One message of the stream; parts that it does not hold have not changed.
  take(message, place) {
    const fresh = message.view !== this.view;
    this.view = message.view;
    // What was drawn last stays where the run has changed so that its axes cannot be drawn any more.
    if (message.error && !fresh) for (const key of ["plane", "svg", "contour"]) if (!message[key]) delete message[key];
    if (fresh) Object.assign(this, { contour: null, plane: null, svg: null, hovered: -1, selected: -1 });
    if (message.all_rows) this.rows = [];
    for (const cells of message.rows ?? []) this.rows[cells[0]] = row(cells);
    for (const key of ["head", "status", "trouble", "views", "current", "folder", "ends_with_scan", "plane", "svg", "contour", "error"]) {
      if (key in message) this[key] = message[key];
    }
    if (message.all_rows || message.plane || message.rows) this.#select();
    this.place = place;
    this.connected = true;
    this.tell("data");
  }

  #select() {
    const at = this.plane?.at ?? [];
    this.rows.forEach((one, i) => { one.index = i; one.at = at[i] ?? null; });
    this.shown = this.rows.filter((one) => one.at || !this.plane);
    for (const key of ["hovered", "selected"]) if (!this.rows[this[key]]?.at) this[key] = -1;
  }

  set(values) {
    Object.assign(this, values);
    this.tell("look");
  }

  tell(kind) {
    this.dispatchEvent(new Event(kind));
  }

  // The status of a hypothesis by the curve that is looked at.
  kind(one, column = this.column) {
    const level = this.head.surface?.level;
    if (!one.numbers || level == null || one.status === "not_converged") return one.status;
    if (one.numbers[column] == null) return "not_converged";
    return one.numbers[column] < level ? "excluded" : "allowed";
  }
}

function row([, name, values, status, numbers, cells, reason, remarks, seconds, worker, time]) {
  return { name, values, status, numbers, cells, reason, remarks, seconds, worker, time, at: null, index: -1 };
}

export const KINDS = {
  excluded: "excluded", allowed: "not excluded", done: "done", running: "being fitted", submitted: "submitted",
  planned: "not fitted yet", failed: "failed", no_signal: "no signal", not_converged: "not converged",
};

function query(token, request) {
  const made = new URLSearchParams({ token });
  for (const [name, value] of Object.entries(request)) if (value != null && (value || name === "view")) made.set(name, value);
  return made;
}

// Why a plane cannot be drawn, as {field, error}; null where it can, or where the server does not answer.
export async function refused(token, request) {
  if (!request.x && !request.y && !request.where) return null;
  const answer = await fetch(`/plane?${query(token, request)}`).catch(() => null);
  return answer?.status === 422 ? answer.json() : null;
}

// Server-sent events; a lost connection is resumed where it broke, by the browser or with `place`.
export function listen(store, token, request) {
  const source = new EventSource(`/events?${query(token, { ...request, since: store.place })}`);
  source.onmessage = (event) => store.take(JSON.parse(event.data), event.lastEventId);
  source.onopen = () => { store.connected = true; store.tell("look"); };
  source.onerror = () => { if (!store.ended) { store.connected = false; store.tell("look"); } };
  source.addEventListener("end", (event) => {
    source.close();
    store.ended = JSON.parse(event.data).why;
    store.tell("data");
  });
  return source;
}
