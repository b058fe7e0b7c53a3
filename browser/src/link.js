/** The state of an explorer as a link and as a line of Python. */

import { firstState } from "./store.js";

const NUMBERS = ["velocity", "continuum"];
const LISTS = ["overlay", "window", "split_values", "latents", "panels"];

const differs = (a, b) => JSON.stringify(a) !== JSON.stringify(b);

/** The keys of the state, but labels, whose values are not the first ones. */
function changed(page, state) {
  const first = firstState(page);
  return Object.keys(first).filter((key) => key !== "labels" && differs(first[key], state[key]));
}

/** The labels whose values are not the first ones, as pairs of a name and a value. */
function changedLabels(page, state) {
  return Object.entries(state.labels).filter(([name, value]) => value !== page.start[name]);
}

/**
 * Writes the state as the hash of a link, without "#".
 *
 * @param {object} page
 * @param {object} state
 * @returns {string}
 */
export function hashOf(page, state) {
  const parts = new URLSearchParams();
  for (const [name, value] of changedLabels(page, state)) parts.set(name, String(value));
  for (const key of changed(page, state)) {
    if (key === "theme") continue;
    const value = state[key];
    parts.set(key, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return parts.toString();
}

/**
 * Reads the state from the hash of a link. What does not fit the page is left out.
 *
 * @param {object} page
 * @param {Catalogue} stars
 * @param {string} hash
 * @returns {object} Changes of the state.
 */
export function stateOf(page, stars, hash) {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const first = firstState(page);
  const changes = {};
  const labels = { ...page.start };
  let known = false; // a page around may use the hash for something else
  for (const [key, text] of parts) {
    const label = page.labels.find((one) => one.name === key);
    if (label) {
      const value = Number(text);
      if (!text || !Number.isFinite(value)) continue;
      labels[key] = Math.min(label.high, Math.max(label.low, value));
      known = true;
    } else if (key in first && key !== "labels") {
      const value = read(key, text);
      if (value === null || !fits(page, stars, key, value)) continue;
      changes[key] = value;
      known = true;
    }
  }
  if (changes.split === "by hand" && !changes.split_values) delete changes.split;
  return known ? { ...changes, labels } : {};
}

function read(key, text) {
  if (NUMBERS.includes(key)) return Number.isFinite(Number(text)) ? Number(text) : null;
  if (!LISTS.includes(key) && key !== "lambdas") return text;
  try {
    const value = JSON.parse(text);
    const right = LISTS.includes(key) ? Array.isArray(value) : value && typeof value === "object";
    return right ? value : null;
  } catch {
    return null;
  }
}

const CHECKS = {
  star: (page, stars, id) => stars.index(id) >= 0,
  reference: (page, stars, id) => id === "start" || stars.index(id) >= 0,
  overlay: (page, stars, ids) => ids.length <= 5 && ids.every((id) => stars.index(id) >= 0),
  split: (page, stars, id) =>
    page.split && (["typical", "by hand"].includes(id) || (stars.hasSplits && stars.index(id) >= 0)),
  split_values: (page, stars, values) =>
    page.split && values.length === page.split.size && values.every(Number.isFinite),
  window: (page, stars, ends) =>
    ends.length === 2 && ends.every(Number.isFinite) && ends[0] < ends[1],
  gradient: (page, stars, name) => page.labels.some((label) => label.name === name),
  velocity: (page, stars, velocity) => Math.abs(velocity) <= 300,
  continuum: (page, stars, order) => [-1, 0, 1, 2, 3, 4].includes(order),
  residual: (page, stars, unit) => ["sigma", "flux"].includes(unit),
  compare: (page, stars, what) => ["nothing", "nearest", "truth"].includes(what),
  latents: (page, stars, values) =>
    page.latents && values.length === page.latents.size && values.every(Number.isFinite),
  lambdas: (page, stars, values) =>
    page.lambdas && Object.entries(values).every(([name, value]) =>
      page.lambdas.names.includes(name) && Math.abs(value) <= page.lambdas.range),
  panels: (page, stars, keys) => keys.every((key) => typeof key === "string"),
  theme: (page, stars, theme) => ["auto", "light", "dark"].includes(theme),
};

const fits = (page, stars, key, value) => Boolean(CHECKS[key](page, stars, value));

/**
 * Writes the state as a call in Python.
 *
 * @param {object} page
 * @param {object} state
 * @returns {string} Such as `explorer.set(teff=5770.0, star="123")`.
 */
export function callOf(page, state) {
  const parts = changedLabels(page, state).map(([name, value]) => `${name}=${float(value)}`);
  for (const key of changed(page, state)) {
    if (key !== "theme") parts.push(`${key}=${python(key, state[key])}`);
  }
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
