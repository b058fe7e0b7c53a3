/** The stars of an explorer: their spectra, what is known of them, and how they are chosen. */

import { numberText, unitText } from "./slider.js";

const LONG = /\d{12,}/; // a number that is too long to be read

/** How near a star must be to count as at the same place, such as "100 K, 0.2 dex". */
export function reachText(labels) {
  const texts = labels.map(({ near, unit }) => `${near} ${unitText(unit)}`.trim());
  return [...new Set(texts)].join(", ");
}

/** The stars of the page, of which there may be none, see `specnb.widgets.pages.page.stars_part`. */
export class Catalogue {
  /**
   * @param {object|null} stars - The description of the stars.
   * @param {Data|null} data - Their arrays.
   */
  constructor(stars, data) {
    this.description = stars ?? {};
    const { ids = [], kind = "real", names = [], labels = [], moving = [], arrays = {} } =
      this.description;
    Object.assign(this, { data, ids, kind, hasSplits: "splits" in arrays });
    this._names = names;
    this._columns = labels;
    this._moving = new Set(moving);
    this._labels = "labels" in arrays && ids.length ? data.array("labels") : null;
    this._index = new Map(ids.map((id, i) => [id, i]));
    this._found = new Map();
  }

  get size() {
    return this.ids.length;
  }

  /** The row of a star, or -1. */
  index(id) {
    return this._index.has(id) ? this._index.get(id) : -1;
  }

  /** A star's name, or else its id. Of a long number, the last digits are shown. */
  name(id) {
    const name = this._names[this.index(id)] || id;
    return name.replace(LONG, (digits) => `…${digits.slice(-6)}`);
  }

  /** A star's name followed by its full id. */
  fullName(id) {
    const name = this._names[this.index(id)];
    if (!name) return id;
    return name.includes(id) ? name : `${name} (${id})`;
  }

  /** The ids of the first stars whose name or id has all the words of a text. */
  search(text, most) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const found = [];
    for (let i = 0; i < this.ids.length && found.length < most; i++) {
      const written = `${this._names[i] || ""} ${this.ids[i]}`.toLowerCase();
      if (words.every((word) => written.includes(word))) found.push(this.ids[i]);
    }
    return found;
  }

  /**
   * The star of an id: its row, name, flux, error, and whether it moves (it is not at rest); or
   * null if there is none.
   */
  find(id) {
    const row = this.index(id);
    if (row < 0) return null;
    if (!this._found.has(id)) {
      const [flux, error] = ["flux", "error"].map((k) => Float64Array.from(this.data.row(k, row)));
      const [name, moving] = [this._names[row] ?? id, this._moving.has(id)];
      this._found.set(id, { id, row, name, flux, error, moving });
    }
    return this._found.get(id);
  }

  /** Further numbers of a star, such as its "splits", or null if they are not known. */
  numbers(name, row) {
    return this.data?.has(name) ? this.data.row(name, row) : null;
  }

  /**
   * The star whose labels are nearest to given ones, if none differs by more than its `near`.
   *
   * @param {object[]} labels - Descriptions of labels.
   * @param {object} values - Labels by name.
   * @returns {number} Its row, or -1.
   */
  nearest(labels, values) {
    const columns = labels.map(({ name }) => this.column(name));
    if (!columns.every(Boolean)) return -1;
    let [best, least] = [-1, Infinity];
    for (let i = 0; i < this.size; i++) {
      const far = labels.map(({ name, near }, k) => Math.abs(columns[k][i] - values[name]) / near);
      const distance = Math.max(...far); // NaN if a label is not known
      if (distance <= 1 && distance < least) [best, least] = [i, distance];
    }
    return best;
  }

  /** The known labels of a star, by name. */
  labels(id) {
    const i = this.index(id);
    const known = {};
    if (i < 0 || !this._labels) return known;
    this._columns.forEach((name, k) => {
      const value = this._labels[i * this._columns.length + k];
      if (Number.isFinite(value)) known[name] = value;
    });
    return known;
  }

  /** One label of all stars, NaN where it is unknown, or null if the stars do not have it. */
  column(name) {
    const k = this._columns.indexOf(name);
    if (k < 0 || !this._labels) return null;
    return this.ids.map((_, i) => this._labels[i * this._columns.length + k]);
  }
}

/**
 * Chooses a star, at rest. The labels follow to the star's known ones, and to the first ones where
 * it has none, unless `store.follow` is false.
 *
 * @param {Store} store
 * @param {string} id - A star's id, or "" for none.
 */
export function chooseStar(store, id) {
  const changes = { star: id, velocity: 0, latents: [] };
  const follow = store.follow || store.page.kind === "editor";
  if (id && follow) changes.labels = { ...store.page.start, ...store.known(id) };
  store.set(changes);
}
