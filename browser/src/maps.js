/** Small maps of the stars in pairs of labels, in which a star can be chosen. */

import { make } from "./dom.js";
import { fixed, font, roundTicks } from "./format.js";
import { numberText, unitText } from "./slider.js";
import { chooseStar, reachText } from "./catalogue.js";
import { themeOf } from "./theme.js";

const PAIRS = [[["teff"], ["logg"]], [["m_h", "fe_h"], ["alpha_fe", "mg_fe", "alpha_m"]]];
const INVERTED = new Set(["teff", "logg"]);
const EDGE = { left: 36, right: 8, top: 6, bottom: 20 }; // pixels for the frame and the numbers
const FRAME = 3.5; // pixels from the ends of the labels to the frame
const STACKED = 330; // pixels of height from which one map is below the other
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** One map: the stars as dots, the present labels as a cross, the chosen star as a ring. */
export class StarMap {
  constructor(page, store, x, y) {
    Object.assign(this, { page, store, x, y });
    this.canvas = make("canvas", {
      tabindex: 0, role: "img",
      onclick: (event) => this._click(event),
      onpointermove: (event) => this._hover(event),
      onpointerleave: () => this._say(""),
      onkeydown: (event) => this._key(event),
    });
    const unit = (label) => (label.unit && label.unit !== "dex" ? ` (${unitText(label.unit)})` : "");
    const end = (label) => (INVERTED.has(label.name) ? "low" : "high");
    const title = `${x.plain}${unit(x)}: ${end(x)} on the right; ` +
      `${y.plain}${unit(y)}: ${end(y)} at the top`;
    this.canvas.dataset.map = `${x.name} ${y.name}`;
    this.hint = make("div.specnb-note");
    this.element = make("figure.specnb-map", {},
      make("figcaption", { html: `${y.symbol} against ${x.symbol}`, title }), this.canvas, this.hint);
  }

  /** Takes the stars' labels. */
  setStars(stars) {
    this.stars = stars;
    this.columns = [this.x, this.y].map((label) => stars.column(label.name));
    this.ends = [this.x, this.y].map(({ name, low, high }) =>
      INVERTED.has(name) ? [high, low] : [low, high]);
    this._layer = null;
  }

  /** Takes the size of the canvas on the page, in CSS pixels. */
  resize(width, height) {
    this._size = width && height ? [width, height] : null;
    if (this.state) this.draw(this.state);
  }

  get isUseful() {
    return this.columns.every((column) => column && column.some(Number.isFinite));
  }

  /** Draws the stars, once, and the cross, at every change. */
  draw(state) {
    this.state = state;
    if (!this._size) return;
    const [width, height] = this._size;
    const ratio = window.devicePixelRatio || 1;
    const theme = themeOf(this.canvas);
    const key = [width, height, ratio, theme.background].join(" ");
    if (!this._layer || this._made !== key) {
      this._made = key;
      this._layer = this._starLayer(width, height, ratio, theme);
      this.canvas.width = width * ratio;
      this.canvas.height = height * ratio;
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.drawImage(this._layer, 0, 0);
    context.scale(ratio, ratio);
    this._ring(context, this.stars.index(state.star), theme.text, 5);
    if (this._pointed !== undefined) this._ring(context, this._pointed, theme.window, 7);
    const [x, y] = this._place(state.labels[this.x.name], state.labels[this.y.name]);
    context.strokeStyle = theme.roles[this.page.kind === "editor" ? "edited" : "model"];
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(x - 6, y);
    context.lineTo(x + 6, y);
    context.moveTo(x, y - 6);
    context.lineTo(x, y + 6);
    context.stroke();
    const chosen = state.star ? `; ${this.stars.name(state.star)} is chosen` : "";
    const text = `map of ${this.stars.size} stars, ${this.y.meaning} against ${this.x.meaning}; ` +
      `the model is at ${this._values(state.labels[this.x.name], state.labels[this.y.name])}` +
      `${chosen}. Arrow keys choose the next star in a direction.`;
    this.canvas.setAttribute("aria-label", text);
  }

  _starLayer(width, height, ratio, theme) {
    const layer = document.createElement("canvas");
    layer.width = width * ratio;
    layer.height = height * ratio;
    const context = layer.getContext("2d");
    context.scale(ratio, ratio);
    context.strokeStyle = theme.frame;
    const [across, down] = [width - EDGE.left - EDGE.right, height - EDGE.top - EDGE.bottom];
    context.strokeRect(
      EDGE.left - FRAME, EDGE.top - FRAME, across + 2 * FRAME, down + 2 * FRAME);
    context.fillStyle = theme.muted;
    this._writeTicks(context, across, down);
    const size = this.stars.size > 300 ? 2 : 3.5;
    for (let i = 0; i < this.stars.size; i++) {
      const [x, y] = this._star(i);
      if (Number.isFinite(x + y)) context.fillRect(x - size / 2, y - size / 2, size, size);
    }
    return layer;
  }

  /** Draws ticks at round values along both axes, with their numbers. */
  _writeTicks(context, across, down) {
    const ticks = ({ low, high }, most) => {
      const { major, decimals } = roundTicks(low, high, most);
      return major.map((value) => [value, fixed(value, decimals)]);
    };
    const [left, bottom] = [EDGE.left - FRAME, EDGE.top + down + FRAME];
    Object.assign(context, { font: font(1, 10), textAlign: "center", textBaseline: "top" });
    for (const [value, text] of ticks(this.x, across / 40)) {
      const [x] = this._place(value, this.y.low);
      context.fillRect(x - 0.5, bottom - 4, 1, 4);
      const last = EDGE.left + across + EDGE.right - context.measureText(text).width / 2;
      context.fillText(text, Math.min(x, last), bottom + 3);
    }
    Object.assign(context, { textAlign: "right", textBaseline: "middle" });
    for (const [value, text] of ticks(this.y, down / 24)) {
      const [, y] = this._place(this.x.low, value);
      context.fillRect(left, y - 0.5, 4, 1);
      context.fillText(text, left - 4, y);
    }
  }

  _ring(context, i, color, radius) {
    if (i < 0) return;
    const [x, y] = this._star(i);
    if (!Number.isFinite(x + y)) return;
    context.strokeStyle = color;
    context.lineWidth = 1.5;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.stroke();
  }

  _place(x, y) {
    const [width, height] = this._size;
    const [[left, right], [bottom, top]] = this.ends;
    const across = width - EDGE.left - EDGE.right;
    const down = height - EDGE.top - EDGE.bottom;
    return [
      EDGE.left + ((x - left) / (right - left)) * across,
      EDGE.top + ((y - top) / (bottom - top)) * down,
    ];
  }

  _star(i) {
    return this._place(this.columns[0][i], this.columns[1][i]);
  }

  _values(x, y) {
    return [[this.x, x], [this.y, y]]
      .map(([label, value]) =>
        `${label.plain} ${numberText(value, label.decimals)} ${unitText(label.unit)}`.trim())
      .join(", ");
  }

  /** The values of both labels at a place on the canvas, by name: `_place` the other way round. */
  _labelsAt(event) {
    const [width, height] = this._size;
    const [[left, right], [bottom, top]] = this.ends;
    const across = (event.offsetX - EDGE.left) / (width - EDGE.left - EDGE.right);
    const down = (event.offsetY - EDGE.top) / (height - EDGE.top - EDGE.bottom);
    return {
      [this.x.name]: left + across * (right - left),
      [this.y.name]: top + down * (bottom - top),
    };
  }

  /** The row of the star nearest to a place on the canvas, or -1 if none is within `near`. */
  _near(event) {
    return this._size ? this.stars.nearest([this.x, this.y], this._labelsAt(event)) : -1;
  }

  _hover(event) {
    const i = this._near(event);
    this._point(i);
    if (i < 0) this._say("");
    else {
      const values = this._values(this.columns[0][i], this.columns[1][i]);
      this._say(`${this.stars.name(this.stars.ids[i])}: ${values}`);
    }
  }

  _click(event) {
    const i = this._near(event);
    if (i >= 0) chooseStar(this.store, this.stars.ids[i]);
    else {
      const reach = reachText([this.x, this.y]);
      this._say(`none within ${reach}`);
      this.store.say(`There is no star within ${reach} of the place you clicked.`);
    }
  }

  /** Moves to the nearest star that lies rather in the direction of the arrow than beside it. */
  _key(event) {
    const direction = ARROWS[event.key];
    if (!direction || !this._size) return;
    event.preventDefault();
    const { labels } = this.state;
    const here = this.stars.index(this.state.star);
    const [x, y] = here >= 0 ? this._star(here) : this._place(labels[this.x.name], labels[this.y.name]);
    let [best, least] = [-1, Infinity];
    for (let i = 0; i < this.stars.size; i++) {
      const [toX, toY] = this._star(i);
      const ahead = (toX - x) * direction[0] + (toY - y) * direction[1];
      const aside = Math.abs((toX - x) * direction[1]) + Math.abs((toY - y) * direction[0]);
      const cost = ahead + 2 * aside;
      if (i !== here && ahead > 0 && ahead >= aside && cost < least) [best, least] = [i, cost];
    }
    if (best >= 0) {
      chooseStar(this.store, this.stars.ids[best]);
      this.store.say(this.stars.fullName(this.stars.ids[best]));
    }
  }

  _point(i) {
    if (this._pointed === i) return;
    this._pointed = i;
    this.draw(this.state);
  }

  _say(text) {
    if (!text && this._pointed >= 0) this._point(-1);
    this.hint.textContent = text;
  }
}

/** The maps for which the page has labels; there are none without stars. */
export class Maps {
  /**
   * @param {HTMLElement} el
   * @param {object} page
   * @param {Store} store
   */
  constructor(el, page, store) {
    Object.assign(this, { el, store });
    const find = (names) => page.labels.find((label) => names.includes(label.name));
    this.maps = PAIRS.map((pair) => pair.map(find))
      .filter(([x, y]) => x && y)
      .map(([x, y]) => new StarMap(page, store, x, y));
    this._sizes = new ResizeObserver((entries) => {
      for (const { target, contentRect } of entries) {
        if (target === el) {
          el.classList.toggle("specnb-stacked", contentRect.height > STACKED);
          continue;
        }
        const map = this.maps.find(({ canvas }) => canvas === target);
        map.resize(contentRect.width, contentRect.height);
      }
    });
    this._sizes.observe(el);
    for (const map of this.maps) {
      el.append(map.element);
      this._sizes.observe(map.canvas);
    }
  }

  destroy() {
    this._sizes.disconnect();
  }

  /** Shows the stars and the present labels. */
  update(shown, state) {
    const { stars } = this.store;
    if (this._stars !== stars) {
      this._stars = stars;
      for (const map of this.maps) {
        map.setStars(stars);
        map.element.hidden = !stars.size || !map.isUseful;
      }
      this.el.hidden = this.maps.every((map) => map.element.hidden);
    }
    if (this.el.hidden) return;
    for (const map of this.maps) if (!map.element.hidden) map.draw(state);
  }
}
