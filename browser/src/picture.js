/** What is drawn as a picture (PNG): canvases, and the texts and swatches beside them. */

const SCALE = 2; // pixels of the picture per pixel of the screen, at least
const LEFT_OUT = "button, .specnb-hidden-text, [hidden]";

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
  context.translate(-frame.left, -frame.top);
  for (const part of el.querySelectorAll("canvas")) {
    const { left, top, width, height } = part.getBoundingClientRect();
    if (width && height) context.drawImage(part, left, top, width, height);
  }
  for (const part of el.querySelectorAll("svg line, svg circle")) drawSwatch(context, part);
  for (const part of el.querySelectorAll(".specnb-legend-shade")) {
    const { left, top, height } = part.getBoundingClientRect();
    context.fillStyle = getComputedStyle(part, "::before").backgroundColor;
    context.fillRect(left, top + height / 2 - 5, 18, 10);
  }
  const walker = document.createTreeWalker(el, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) drawText(context, walker.currentNode);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

const isVertical = (element) => getComputedStyle(element).writingMode.startsWith("vertical");

/** Draws a text word by word, since it may be broken into lines, and cut off as on the page. */
function drawText(context, node) {
  const parent = node.parentElement;
  if (parent.closest(LEFT_OUT)) return;
  const style = getComputedStyle(parent);
  const vertical = isVertical(parent);
  const range = document.createRange();
  context.save();
  context.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  context.fillStyle = style.color;
  Object.assign(context, { textAlign: vertical ? "center" : "left", textBaseline: "middle" });
  if (style.textOverflow === "ellipsis") {
    const { left, top, width, height } = parent.getBoundingClientRect();
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
  }
  for (const { 0: word, index } of node.data.matchAll(/\S+/g)) {
    range.setStart(node, index);
    range.setEnd(node, index + word.length);
    const { left, top, width, height } = range.getBoundingClientRect();
    if (!width) continue;
    context.save();
    context.translate(vertical ? left + width / 2 : left, top + height / 2);
    if (vertical) context.rotate(-Math.PI / 2);
    context.fillText(word, 0, 0);
    context.restore();
  }
  context.restore();
}

/** Draws a line or a circle of a legend. */
function drawSwatch(context, part) {
  const svg = part.ownerSVGElement.getBoundingClientRect();
  const number = (name) => Number(part.getAttribute(name));
  context.save();
  context.translate(svg.left, svg.top);
  context.beginPath();
  if (part.tagName === "circle") {
    context.arc(number("cx"), number("cy"), number("r"), 0, 2 * Math.PI);
    context.fillStyle = part.getAttribute("fill");
    context.fill();
  } else {
    context.moveTo(number("x1"), number("y1"));
    context.lineTo(number("x2"), number("y2"));
    context.setLineDash((part.getAttribute("stroke-dasharray") || "").split(" ").map(Number));
    context.strokeStyle = part.getAttribute("stroke");
    context.lineWidth = number("stroke-width");
    context.stroke();
  }
  context.restore();
}
