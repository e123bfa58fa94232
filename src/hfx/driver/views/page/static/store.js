// What the page knows of the run: the stream fills it in, the views listen.

export const COLUMNS = ["observed", "expected −2σ", "expected −1σ", "expected", "expected +1σ", "expected +2σ"];
export const WHICH = ["observed", "expected-2", "expected-1", "expected", "expected+1", "expected+2"];
export const LEVEL = 0.05;

export class Store extends EventTarget {
  // `rows` are all hypotheses, `shown` those of the plane's selection.
  constructor() {
    super();
    Object.assign(this, {
      head: {}, status: null, rows: [], shown: [], plane: null, contour: null, views: [], view: null, current: "", folder: null,
      column: 0, hovered: -1, selected: -1, error: "", ended: "", connected: false, place: "",
    });
  }

  // One message of the stream; what it does not say has not changed.
  take(message, place) {
    const fresh = message.view !== this.view;
    this.view = message.view;
    if (fresh) Object.assign(this, { contour: null, plane: null, hovered: -1, selected: -1 });
    if (message.whole) this.rows = [];
    for (const cells of message.rows ?? []) this.rows[cells[0]] = row(cells);
    for (const key of ["head", "status", "views", "current", "folder"]) if (key in message) this[key] = message[key];
    if (message.plane) this.plane = message.plane;
    if ("contour" in message) this.contour = message.contour;
    if ("error" in message) this.error = message.error;
    if (message.whole || message.plane || message.rows) this.#lay();
    this.place = place;
    this.connected = true;
    this.tell("data");
  }

  #lay() {
    const at = this.plane?.at ?? [];
    this.rows.forEach((one, i) => { one.index = i; one.at = at[i] ?? null; });
    this.shown = this.rows.filter((one) => one.at);
    for (const key of ["hovered", "selected"]) if (!this.rows[this[key]]?.at) this[key] = -1;
  }

  set(values) {
    Object.assign(this, values);
    this.tell("look");
  }

  tell(kind) {
    this.dispatchEvent(new Event(kind));
  }

}

function row([, name, values, state, cls, muhat, converged, reason, note, seconds, worker, time]) {
  return { name, values, state, cls, muhat, converged, reason, note, seconds, worker, time, at: null, index: -1 };
}

// What a point is, in the column that is looked at: the shape it has in the plane.
export function kind(one, column) {
  if (one.state !== "fitted") return one.state;
  if (!one.converged || one.cls?.[column] == null) return "unconverged";
  return one.cls[column] < LEVEL ? "excluded" : "allowed";
}

export const KINDS = {
  excluded: "excluded", allowed: "not excluded", running: "being fitted", waiting: "sent, waiting",
  planned: "not fitted", failed: "failed", unconverged: "not converged",
};

// Server-sent events; a lost connection is taken up where it broke, by the browser or with `place`.
export function listen(store, token, asked) {
  const query = new URLSearchParams({ token, since: store.place });
  for (const [name, value] of Object.entries(asked)) if (value != null && (value || name === "view")) query.set(name, value);
  const source = new EventSource(`/events?${query}`);
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
