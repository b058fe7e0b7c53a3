// The stars of a page: their spectra, and what is known of them.

/** A set of stars with spectra, see `specnb.widgets.pages.page.stars_part`. */
export class Stars {
  /**
   * @param {Object|null} description - ids, names, kind, names of labels.
   * @param {Data} data - their arrays.
   */
  constructor(description, data) {
    this.description = description ?? {};
    this.data = data;
    this.ids = this.description.ids ?? [];
    this.found = new Map();
    this.rows = new Map(this.ids.map((id, row) => [id, row]));
  }

  /** The star of an id: its row, name, flux and error; or null if there is none. */
  find(id) {
    const row = this.rows.get(id);
    if (row === undefined) return null;
    if (!this.found.has(id)) {
      const [flux, error] = ["flux", "error"].map((k) => Float64Array.from(this.data.row(k, row)));
      this.found.set(id, { id, row, name: this.description.names?.[row] ?? id, flux, error });
    }
    return this.found.get(id);
  }

  /** Further numbers of a star, such as its "splits", or null if they are not known. */
  numbers(name, row) {
    return this.data?.has(name) ? this.data.row(name, row) : null;
  }

  /** The labels of a star by name. Those that are not known are NaN. */
  labels(row) {
    const values = this.numbers("labels", row) ?? [];
    return Object.fromEntries(this.description.labels.map((name, k) => [name, values[k] ?? NaN]));
  }

  /**
   * The star whose labels are nearest to given ones, if none differs by more than its `near`.
   *
   * @param {Object[]} labels - descriptions of labels.
   * @param {Object} values - labels by name.
   * @returns {Object|null} as from `find`.
   */
  nearest(labels, values) {
    let [best, least] = [null, 1];
    for (const id of this.ids) {
      const own = this.labels(this.rows.get(id));
      const far = labels.map(({ name, near }) => Math.abs(own[name] - values[name]) / near);
      const distance = Math.max(...far); // NaN if a label is not known
      if (distance <= least) [best, least] = [id, distance];
    }
    return best === null ? null : this.find(best);
  }
}
