/** What is shown as a table (CSV); files for the user, and texts for the clipboard. */

import { unitText } from "./slider.js";

/**
 * Writes what is shown as a table. Lines of comment above it have the labels.
 *
 * @param {object} page
 * @param {object} state
 * @param {object} shown - As `Scene.compute` returns it.
 * @param {Catalogue} stars
 * @returns {string}
 */
export function tableOf(page, state, shown, stars) {
  const lines = [`# ${page.title}, explorer of specnb`];
  for (const { name, plain, unit } of page.labels) {
    lines.push(`# ${name} = ${state.labels[name]} ${unitText(unit)} (${plain})`);
  }
  if (state.star) lines.push(`# star = ${stars.fullName(state.star)}`);
  if (state.velocity) lines.push(`# velocity = ${state.velocity} km/s`);
  if (state.continuum >= 0) lines.push(`# continuum order = ${state.continuum}`);
  for (const text of shown.outside || []) lines.push(`# ${text}`);
  const columns = shown.panels.flatMap((panel) =>
    panel.curves.map((curve) => ({ name: `${panel.key}: ${curve.name}`, values: curve.values })));
  const quoted = columns.map(({ name }) => `"${name.replace(/"/g, '""')}"`);
  lines.push(["wavelength", ...quoted].join(","));
  shown.wavelength.forEach((at, k) => {
    const numbers = columns.map(({ values }) => (Number.isFinite(values[k]) ? values[k] : ""));
    lines.push([at, ...numbers].join(","));
  });
  return `${lines.join("\n")}\n`;
}

/** Hands a file to the user. */
export function download(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/**
 * Puts a text on the clipboard.
 *
 * @param {string} text
 * @returns {Promise<boolean>} Whether the browser allowed it.
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
