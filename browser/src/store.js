/** The state of an explorer: what is shown, shared by all its parts and by Python. */

const TOGETHER = 600; // ms within which changes of one control are one edit
const SENDING = 100; // ms between two messages to Python
const MOST_EDITS = 300;
const VIEW = new Set(["window", "theme", "panels", "gradient", "residual"]);
const FROM_KERNEL = ["busy", "told"];

/**
 * The state of an explorer at which nothing was chosen yet.
 *
 * @param {object} page - The description of the page.
 * @returns {object}
 */
export function firstState(page) {
  return {
    labels: { ...page.start },
    star: "",
    overlay: [],
    window: [],
    gradient: "",
    velocity: 0,
    continuum: -1,
    reference: "start",
    residual: "sigma",
    split: "typical",
    split_values: [],
    lambdas: {},
    latents: [],
    compare: "nothing",
    panels: [],
    theme: "auto",
  };
}

const same = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);

/**
 * Holds the state. The browser's state is the truth: Python learns of it a little later, and what
 * Python changes is taken over.
 *
 * Beside the keys of `firstState`, `state` has `moved` (the label that was moved last, or ""), and
 * `busy` and `told`, which come from Python.
 */
export class Store {
  /**
   * @param {object} model - anywidget's model, or a stand-in whose `kernel` is false.
   * @param {object} page - The description of the page.
   */
  constructor(model, page) {
    this.model = model;
    this.page = page;
    this.kernel = model.kernel !== false;
    this.state = { ...firstState(page), busy: "", told: "", moved: "" };
    this._listeners = new Set();
    this._edits = [];
    this._last = null; // which control was changed last, and when
    this._timer = null;
    this._unsent = new Set();
    this._said = false;
    this._handlers = [];
    for (const key of [...Object.keys(firstState(page)), ...FROM_KERNEL]) {
      const value = model.get(key);
      if (value !== undefined && value !== null) this.state[key] = value;
      this._on(`change:${key}`, () => this._take(key));
    }
  }

  get canUndo() {
    return this._edits.length > 0;
  }

  /**
   * Changes the state, draws, and tells Python.
   *
   * @param {object} changes - New values by key.
   * @param {{record?: boolean}} options - Whether undo can take the change back.
   */
  set(changes, { record = true } = {}) {
    const keys = Object.keys(changes).filter((key) => !same(changes[key], this.state[key]));
    if (!keys.length) return;
    if (record) this._record(changes, keys);
    if (this._said) this.state.told = "";
    this._said = false;
    this._apply(changes, keys);
    for (const key of keys) {
      this._unsent.add(key);
      this.model.set(key, changes[key]);
    }
    this._notify(keys);
    this._save();
  }

  /** Takes the last edit back. */
  undo() {
    const edit = this._edits.pop();
    this._last = null;
    if (edit) this.set(edit, { record: false });
  }

  /** Returns to the first labels, at rest, with nothing edited. The star stays. */
  reset() {
    const { star, overlay, window, gradient, residual, compare, panels, theme, reference } =
      this.state;
    const kept = { star, overlay, window, gradient, residual, compare, panels, theme, reference };
    const labels = this.page.kind === "editor" ? this.known(star || this.stars.ids[0]) : {};
    const first = firstState(this.page);
    this.set({ ...first, ...kept, labels: { ...first.labels, ...labels } });
  }

  /** The known labels of a star, within the sliders' ranges; `stars` has them. */
  known(id) {
    const values = this.stars ? this.stars.labels(id) : {};
    const known = {};
    for (const { name, low, high } of this.page.labels) {
      if (name in values) known[name] = Math.min(high, Math.max(low, values[name]));
    }
    return known;
  }

  /** Shows a message of the explorer's own until the next change. */
  say(text) {
    this.state.told = text;
    this._said = true;
    this._notify(["told"]);
  }

  /**
   * Calls a function after each change.
   *
   * @param {function(Set<string>)} listener - It gets the keys that changed.
   * @returns {function()} Ends the calls.
   */
  subscribe(listener) {
    this._listeners.add(listener);
    return () => this._listeners.delete(listener);
  }

  /** Sends a message to Python, with buffers of bytes. */
  send(message, buffers = []) {
    this._flush();
    this.model.send(message, undefined, buffers);
  }

  /** Calls a function with each message of Python. */
  onMessage(listener) {
    this._on("msg:custom", listener);
  }

  /** Leaves the model, which lives on in other views. */
  destroy() {
    this._flush();
    for (const [event, handler] of this._handlers) this.model.off(event, handler);
    this._listeners.clear();
  }

  _on(event, handler) {
    this._handlers.push([event, handler]);
    this.model.on(event, handler);
  }

  /** Takes over what Python, or another view of the same explorer, has changed. */
  _take(key) {
    const value = this.model.get(key);
    if (same(value, this.state[key])) return;
    if (this._unsent.has(key)) {
      // Jupyter echoes what it got some moves ago: what was set here since then is newer
      this.model.set(key, this.state[key]);
      return;
    }
    const changes = { [key]: value };
    if (!FROM_KERNEL.includes(key)) this._record(changes, [key], "kernel");
    this._apply(changes, [key]);
    this._notify([key]);
  }

  _apply(changes, keys) {
    if (keys.includes("labels")) {
      const moved = this._movedLabels(changes.labels);
      if (moved.length === 1) this.state.moved = moved[0];
    }
    for (const key of keys) this.state[key] = changes[key];
  }

  _movedLabels(labels) {
    return Object.keys(labels).filter((name) => labels[name] !== this.state.labels[name]);
  }

  /** Remembers the values before an edit. A run of changes of one control is one edit. */
  _record(changes, keys, by = "") {
    const edited = keys.filter((key) => !VIEW.has(key));
    if (!edited.length) return;
    const moved = edited.includes("labels") ? this._movedLabels(changes.labels) : [];
    const control = by || [...edited, ...moved].join(" ");
    const now = performance.now();
    const goes = this._last && this._last.control === control && now - this._last.at < TOGETHER;
    this._last = { control, at: now };
    const before = goes ? this._edits[this._edits.length - 1] : {};
    for (const key of edited) if (!(key in before)) before[key] = this.state[key];
    if (goes) return;
    this._edits.push(before);
    if (this._edits.length > MOST_EDITS) this._edits.shift();
  }

  _notify(keys) {
    const changed = new Set(keys);
    for (const listener of this._listeners) listener(changed);
  }

  /** Sends the changes to Python now, or a little later if some were sent just before. */
  _save() {
    if (this._timer === null) this._flush();
  }

  _flush() {
    if (!this._unsent.size) return;
    this._unsent.clear();
    clearTimeout(this._timer);
    this.model.save_changes();
    this._timer = setTimeout(() => {
      this._timer = null;
      this._flush();
    }, SENDING);
  }
}
