/** What is shown as a table (CSV) and as a picture (PNG), and texts for the clipboard. */

import { unitText } from "./slider.js";

const SCALE = 2; // pixels of the picture per pixel of the screen, at least

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

/**
 * Draws the canvases of an element, and the texts beside them, into one picture.
 *
 * @param {HTMLElement} el
 * @returns {Promise<Blob>}
 */
export function pictureOf(el) {
  const scale = Math.max(SCALE, window.devicePixelRatio || 1);
  const frame = el.getBoundingClientRect();
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(frame.width * scale);
  canvas.height = Math.round(frame.height * scale);
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  const root = getComputedStyle(el.closest(".specnb-explorer") || el);
  context.fillStyle = root.getPropertyValue("--specnb-background") || "#ffffff";
  context.fillRect(0, 0, frame.width, frame.height);
  for (const part of el.querySelectorAll("canvas")) {
    const { left, top, width, height } = part.getBoundingClientRect();
    if (width && height) context.drawImage(part, left - frame.left, top - frame.top, width, height);
  }
  const walker = document.createTreeWalker(el, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) drawText(context, walker.currentNode, frame);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function drawText(context, node, frame) {
  const text = node.textContent.trim();
  const parent = node.parentElement;
  if (!text || !parent.checkVisibility || !parent.checkVisibility()) return;
  const style = getComputedStyle(parent);
  if (style.visibility === "hidden" || parent.closest("button, .specnb-hidden-text")) return;
  const range = document.createRange();
  range.selectNodeContents(node);
  const { left, top, height, width } = range.getBoundingClientRect();
  if (!width) return;
  context.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  context.fillStyle = style.color;
  context.textBaseline = "middle";
  context.fillText(text, left - frame.left, top - frame.top + height / 2);
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
