/** The stars of an explorer as they are chosen: by id, by name or by what is typed, with labels. */

const LONG = /\d{12,}/; // a number that is too long to be read

/** The stars of the page, of which there may be none. */
export class Catalogue {
  /**
   * @param {object} stars - The description of the stars.
   * @param {Data} data - Their arrays.
   */
  constructor(stars, data) {
    this.ids = (stars && stars.ids) || [];
    this.kind = (stars && stars.kind) || "real";
    this._names = (stars && stars.names) || [];
    this._columns = (stars && stars.labels) || [];
    this.description = stars;
    this.data = data;
    const has = stars && stars.arrays && stars.arrays.labels;
    this._labels = has && this.ids.length ? data.array("labels") : null;
    this.hasSplits = Boolean(stars && stars.arrays && stars.arrays.splits);
    this._index = new Map(this.ids.map((id, i) => [id, i]));
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
