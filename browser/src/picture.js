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
  const blocks = new Set();
  const walker = document.createTreeWalker(el, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const upright = walker.currentNode.parentElement;
    const turned = upright.closest("[class*=title]");
    blocks.add(turned && isVertical(turned) ? turned : walker.currentNode);
  }
  for (const block of blocks) drawText(context, block);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

const isVertical = (element) => getComputedStyle(element).writingMode.startsWith("vertical");

function drawText(context, node) {
  const text = node.textContent.trim().replace(/\s+/g, " ");
  const parent = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
  if (!text || parent.closest(LEFT_OUT)) return;
  const style = getComputedStyle(parent);
  const range = document.createRange();
  range.selectNodeContents(node);
  const { left, top, height, width } = range.getBoundingClientRect();
  if (!width || style.visibility === "hidden") return;
  context.save();
  context.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  context.fillStyle = style.color;
  context.textBaseline = "middle";
  if (isVertical(parent)) {
    context.translate(left + width / 2, top + height / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText(text, 0, 0, parent.clientHeight);
  } else {
    context.fillText(text, left, top + height / 2);
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
