/** The state of an explorer as a link and as a line of Python. */

import { panelsOf } from "./panels.js";
import { firstState } from "./store.js";

const NUMBERS = ["velocity", "continuum"];
const LISTS = ["overlay", "window", "split_values", "latents", "panels"];

const differs = (a, b) => JSON.stringify(a) !== JSON.stringify(b);

/** The keys of the state, but labels and theme, whose values are not those of another state. */
function changed(page, state, from) {
  const { labels, theme, ...others } = from;
  // the label moved last matters if it is the one of the gradient
  if (page.kind !== "emulator" || state.gradient) delete others.moved;
  return Object.keys(others).filter((key) => differs(others[key], state[key]));
}

/**
 * Writes the state as the hash of a link, without "#".
 *
 * @param {object} page
 * @param {object} state
 * @param {object} opened - The state with which the page opens, as `firstState` gives one.
 * @returns {string}
 */
export function hashOf(page, state, opened) {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(state.labels)) {
    if (value !== opened.labels[name]) parts.set(name, String(value));
  }
  for (const key of changed(page, state, opened)) {
    const value = state[key];
    parts.set(key, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return parts.toString();
}

/**
 * Reads the state from the hash of a link. What does not fit the page is left out, and what the
 * hash does not name is as the page opens; only the theme stays.
 *
 * @param {object} page
 * @param {Catalogue} stars
 * @param {string} hash
 * @param {object} opened - The state with which the page opens.
 * @returns {object} Changes of the state; none if the hash names nothing of the page.
 */
export function stateOf(page, stars, hash, opened) {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const { theme, ...first } = opened;
  const labels = { ...opened.labels };
  const changes = {};
  let known = !parts.size; // a page around may use the hash for something else
  for (const [key, text] of parts) {
    const label = page.labels.find((one) => one.name === key);
    if (label) {
      const value = Number(text);
      if (!text || !Number.isFinite(value)) continue;
      labels[key] = Math.min(label.high, Math.max(label.low, value));
      known = true;
    } else if (Object.hasOwn(first, key) || key === "theme") {
      const value = read(key, text);
      if (value === null || !fits(page, stars, key, value)) continue;
      changes[key] = value;
      known = true;
    }
  }
  if (changes.split === "by hand" && !changes.split_values?.length) delete changes.split;
  return known ? { ...first, ...changes, labels } : {};
}

function read(key, text) {
  if (NUMBERS.includes(key)) return text && Number.isFinite(Number(text)) ? Number(text) : null;
  if (!LISTS.includes(key) && key !== "lambdas") return text;
  try {
    const value = JSON.parse(text);
    const right = Array.isArray(value) === LISTS.includes(key);
    return right && value && typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

const within = (low, high) => (value) =>
  typeof value === "number" && value >= low && value <= high;
const isLabel = (page, stars, name) => page.labels.some((label) => label.name === name);
const isStar = (page, stars, id) => stars.index(id) >= 0;

const CHECKS = {
  star: (page, stars, id) => id === "" || isStar(page, stars, id),
  reference: (page, stars, id) => id === "start" || isStar(page, stars, id),
  overlay: (page, stars, ids) =>
    ids.length <= 5 && new Set(ids).size === ids.length &&
    ids.every((id) => isStar(page, stars, id)),
  split: (page, stars, id) =>
    page.split && (id === "typical" || (id === "by hand" && page.split.by_hand) ||
      (stars.hasSplits && isStar(page, stars, id))),
  split_values: ({ split }, stars, values) =>
    split && [0, split.size].includes(values.length) &&
      values.every(within(split.low, split.high)),
  window: (page, stars, ends) => {
    const [low, high] = page.windows["whole range"];
    return !ends.length || ends.length === 2 && ends.every(Number.isFinite) && ends[0] < ends[1] &&
      ends[0] < high && ends[1] > low;
  },
  gradient: (page, stars, name) => name === "" || isLabel(page, stars, name),
  moved: (page, stars, name) => name === "" || isLabel(page, stars, name),
  velocity: (page, stars, velocity) => Math.abs(velocity) <= 300,
  continuum: (page, stars, order) => [-1, 0, 1, 2, 3, 4].includes(order),
  residual: (page, stars, unit) => ["sigma", "flux"].includes(unit),
  compare: (page, stars, what) =>
    ["nothing", "nearest"].includes(what) || (what === "truth" && page.programs.truth),
  latents: (page, stars, values) =>
    page.latents && [0, page.latents.size].includes(values.length) &&
      values.every(Number.isFinite),
  lambdas: ({ lambdas }, stars, values) =>
    lambdas && Object.entries(values).every(([name, value]) =>
      lambdas.names.includes(name) && within(-lambdas.range, lambdas.range)(value)),
  panels: (page, stars, keys) =>
    keys.every((key) => typeof key === "string" && Object.hasOwn(panelsOf(page), key)),
  theme: (page, stars, theme) => ["auto", "light", "dark"].includes(theme),
};

const fits = (page, stars, key, value) => Boolean(CHECKS[key](page, stars, value));

// What a call always says besides the labels, so that it does not matter what was set before
const SAID = {
  emulator: ["star", "window", "velocity", "continuum"],
  translator: ["star", "window", "velocity", "continuum", "split"],
  editor: ["star", "window", "lambdas", "latents"],
};

/**
 * Writes the state as a call in Python.
 *
 * @param {object} page
 * @param {object} state
 * @returns {string} Such as `explorer.set(teff=5770.0, window=[8500.0, 8550.0])`.
 */
export function callOf(page, state) {
  const parts = Object.entries(state.labels).map(([name, value]) => `${name}=${float(value)}`);
  const said = SAID[page.kind].filter((key) => key !== "lambdas" || page.lambdas);
  const keys = new Set([...said, ...changed(page, state, firstState(page))]);
  for (const key of keys) parts.push(`${key}=${python(key, state[key])}`);
  return `explorer.set(${parts.join(", ")})`;
}

const float = (value) => (Number.isInteger(value) ? `${value}.0` : String(value));

function python(key, value) {
  if (typeof value === "number") return key === "continuum" ? String(value) : float(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((one) => python(key, one)).join(", ")}]`;
  const parts = Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${float(one)}`);
  return `{${parts.join(", ")}}`;
}
