/** The state of an explorer: what is shown, shared by all its parts, its views and Python. */

import { Catalogue } from "./catalogue.js";
import { Data } from "./data.js";

const TOGETHER = 600; // ms within which moves of one slider are one edit
const SENDING = 100; // ms between two messages to Python
const MOST_EDITS = 300;
// Of no edit: Undo leaves them as they are
const VIEW = new Set(["window", "theme", "panels", "gradient", "residual", "moved"]);
const WAITING = "waiting for the kernel…";

/**
 * The state of an explorer before anything is chosen or moved.
 *
 * @param {object} page - The description of the page.
 * @returns {object} `moved` is the label that was moved last; "" stands for the first one.
 */
export function firstState(page) {
  return {
    labels: { ...page.start },
    star: "",
    overlay: [],
    window: [],
    gradient: "",
    moved: "",
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

const stores = new WeakMap();

/**
 * The store of a model. All views of a model share one: they know each other by the description of
 * the page, which is the same object for all of them.
 *
 * @param {object} model - anywidget's model, or a stand-in whose `kernel` is false.
 * @returns {Store}
 */
export function storeOf(model) {
  const page = model.get("_page");
  if (!stores.has(page)) stores.set(page, new Store(model, page));
  return stores.get(page);
}

/**
 * Holds the state. The browser's state is the truth: Python learns of it a little later, and what
 * Python changes is taken over.
 *
 * While Python fits or reads a file (`state.busy` says so), edits are drawn but not sent. The
 * answer takes their place, and is one edit; if Python could do nothing, the edits stay.
 *
 * Beside the keys of `firstState`, `state` has `busy` and `told`, what Python does and what it, or
 * the explorer itself, said last.
 */
export class Store {
  /**
   * @param {object} model - It must live as long as the store.
   * @param {object} page - The description of the page.
   */
  constructor(model, page) {
    this.model = model;
    this.page = page;
    this.data = new Data(page.arrays, model.get("_data"));
    this.stars = new Catalogue(null, null);
    this.follow = true; // whether labels follow a star that is chosen
    this.state = firstState(page);
    for (const key of Object.keys(this.state)) {
      const value = model.get(key);
      if (value !== undefined && value !== null) this.state[key] = value;
    }
    this.opened = { ...this.state };
    this._told = this.state.told = model.get("told") || "";
    this.state.busy = this._busy();
    this._done = model.get("_done");
    this._listeners = new Set();
    this._edits = [];
    this._last = null; // which slider was moved last, and when
    this._timer = null;
    this._writes = false; // whether changes of the model come from here
    this._unsent = new Set();
    this._takeStars();
    model.on("change", () => this._take());
  }

  get canUndo() {
    return this._edits.length > 0;
  }

  /**
   * Changes the state, draws, and tells Python.
   *
   * @param {object} changes - New values by key.
   * @param {{record?: boolean, slider?: string}} options - Whether undo can take the change back,
   *   and the name of the slider that was moved: its moves in a row are one edit.
   */
  set(changes, { record = true, slider = "" } = {}) {
    const next = { ...changes };
    if (changes.labels && !("moved" in changes)) {
      const { labels } = this.state;
      const moved = Object.keys(changes.labels).filter((k) => changes.labels[k] !== labels[k]);
      if (moved.length === 1) [next.moved] = moved;
    }
    const keys = Object.keys(next).filter((key) => !same(next[key], this.state[key]));
    if (!keys.length) return;
    const edited = keys.filter((key) => !VIEW.has(key));
    if (record) this._record(edited, slider);
    for (const key of keys) this.state[key] = next[key];
    if (edited.length && this.state.told) {
      this.state.told = "";
      keys.push("told");
    }
    this._send(this.state.busy ? keys.filter((key) => !edited.includes(key)) : keys);
    this._notify(keys);
  }

  /** Takes the last edit back. */
  undo() {
    const edit = this._edits.pop();
    this._last = null;
    if (edit) this.set(edit, { record: false });
  }

  /** Returns to the first labels, at rest, with nothing edited. The star stays. */
  reset() {
    const { star, overlay, reference, compare } = this.state;
    const kept = { star, overlay, reference, compare };
    for (const key of VIEW) kept[key] = this.state[key];
    const labels = this.page.kind === "editor" ? this.known(star || this.stars.ids[0]) : {};
    const first = firstState(this.page);
    this.set({ ...first, ...kept, labels: { ...first.labels, ...labels } });
  }

  /** The known labels of a star, within the sliders' ranges. */
  known(id) {
    const values = this.stars.labels(id);
    const known = {};
    for (const { name, low, high } of this.page.labels) {
      if (name in values) known[name] = Math.min(high, Math.max(low, values[name]));
    }
    return known;
  }

  /** Shows a message of the explorer's own until the next edit. */
  say(text) {
    this.state.told = text;
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

  /**
   * Asks Python for something, unless it is still at work. The request takes the way of all
   * settings, so that Python hears first what was set before.
   *
   * @param {object} request - `{type: "fit"}`, or `{type: "open", name, data}` with bytes.
   */
  ask(request) {
    if (this.state.busy) return;
    this._last = null;
    this._unsent.add("_asked");
    this.model.set("_asked", request);
    this._flush();
  }

  /** Waits no longer for Python, which is gone. */
  release() {
    this.model.set("busy", "");
    this.model.set("_asked", {});
  }

  /** What Python is doing, or was asked to do. */
  _busy() {
    return this.model.get("busy") || (this.model.get("_asked")?.type ? WAITING : "");
  }

  /** Takes over what Python has changed. */
  _take() {
    if (this._writes) return;
    const { model, state } = this;
    const [was, keys] = [state.busy, []];
    if (this._takeStars()) keys.push("_stars");
    const [busy, told, done] = [this._busy(), model.get("told") || "", model.get("_done")];
    if (busy !== was) keys.push("busy");
    if (told !== this._told && told !== state.told) keys.push("told");
    Object.assign(state, { busy }, told !== this._told && { told });
    this._told = told;
    if (!busy) keys.push(...this._takeState(was && done === this._done));
    if (!busy) this._done = done;
    if (keys.length) this._notify(keys);
  }

  /** Takes over settings, but those that are newer here; with `keeps`, all are. */
  _takeState(keeps) {
    const differ = Object.keys(firstState(this.page)).filter((key) => {
      const value = this.model.get(key);
      return value !== undefined && !same(value, this.state[key]);
    });
    // Jupyter echoes what it got some moves ago: what was set here since then is newer
    const newer = (key) => keeps || this._unsent.has(key);
    const taken = differ.filter((key) => !newer(key));
    // what came before the first view is where undo ends
    if (this._listeners.size) this._record(taken.filter((key) => !VIEW.has(key)));
    for (const key of taken) this.state[key] = this.model.get(key);
    this._send(differ.filter(newer));
    return taken;
  }

  /** Takes over the stars, which Python replaces when the user opens a file. */
  _takeStars() {
    const [about, bytes] = [this.model.get("_stars"), this.model.get("_stars_data")];
    if (this._about === about && this._bytes === bytes) return false;
    Object.assign(this, { _about: about, _bytes: bytes });
    const has = about?.arrays;
    this.stars = new Catalogue(has ? about : null, has ? new Data(about.arrays, bytes) : null);
    return true;
  }

  /** Remembers the values before an edit. A run of moves of one slider is one edit. */
  _record(edited, slider = "") {
    if (!edited.length) return;
    const now = performance.now();
    const goes = slider && this._last?.slider === slider && now - this._last.at < TOGETHER;
    this._last = { slider, at: now };
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

  /** Sends settings to Python now, or a little later if some were sent just before. */
  _send(keys) {
    this._writes = true;
    for (const key of keys) {
      this._unsent.add(key);
      this.model.set(key, this.state[key]);
    }
    this._writes = false;
    this._told = this.model.get("told") || "";
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
