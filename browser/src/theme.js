/* The colours of the plot, by role, for the light and the dark theme. They are those of Okabe & Ito
 * (2008), which colour-blind readers can tell apart, darker or lighter where the background needs
 * it.
 */

const CURVE = 3; // least contrast of curves and ticks against the background (WCAG 2.2, 1.4.11)
const TEXT = 4.5; // least contrast of text (WCAG 2.2, 1.4.3)

const LIGHT = {
  background: "#ffffff",
  text: "#1b1d21",
  muted: "#5c6168",
  frame: "#3a3d42",
  zero: "#b4b8be",
  shade: "#eceef1",
  window: "#0072B2",
  roles: {
    star: "#6b6f75",
    model: "#0072B2",
    physics: "#D55E00",
    reference: "#7f848b",
    synthetic: "#0072B2",
    translated: "#009E73",
    reconstruction: "#0072B2",
    edited: "#D55E00",
    truth: "#009E73",
    residual: "#33363b",
    gradient: "#A3007F",
    split: "#C26A9A",
  },
  overlay: ["#C98A00", "#009E73", "#C26A9A", "#2E9BD6", "#7A5195"],
};

const DARK = {
  background: "#14161a",
  text: "#e7e9ec",
  muted: "#a3a9b2",
  frame: "#9aa0a8",
  zero: "#4c525b",
  shade: "#23272e",
  window: "#56B4E9",
  roles: {
    star: "#c3c8cf",
    model: "#5CB8EE",
    physics: "#F58A45",
    reference: "#8d949e",
    synthetic: "#5CB8EE",
    translated: "#35C79B",
    reconstruction: "#5CB8EE",
    edited: "#F58A45",
    truth: "#35C79B",
    residual: "#d3d7dd",
    gradient: "#FF5FD2",
    split: "#E19CC3",
  },
  overlay: ["#E69F00", "#35C79B", "#E19CC3", "#8FD0F5", "#B79BD8"],
};

/** The themes by name: the colours of the plot's parts, of the curves' roles, and of overlays. */
export const THEMES = { light: LIGHT, dark: DARK };

function channels(color) {
  return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
}

function luminance(color) {
  const [red, green, blue] = channels(color).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** The contrast of two colours "#rrggbb" as WCAG defines it: 1 if equal, 21 for black on white. */
export function contrast(first, second) {
  const [low, high] = [luminance(first), luminance(second)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

const found = new Map();

/**
 * A colour that is seen well on a background: the given one, or else mixed with as much black (on a
 * light background) or white (on a dark one) as the contrast needs.
 */
export function legible(color, background, least) {
  const key = `${color} ${background} ${least}`;
  if (!found.has(key)) {
    const towards = luminance(background) > 0.18 ? 0 : 255;
    let mixed = color;
    for (let part = 0.04; contrast(mixed, background) < least && part <= 1; part += 0.04) {
      const parts = channels(color).map((value) => Math.round(value + part * (towards - value)));
      mixed = `#${parts.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
    }
    found.set(key, mixed);
  }
  return found.get(key);
}

/** The colour of a curve: of its role, and for an overlaid star also of its index. */
export function curveColor(theme, { role, index = 0 }) {
  const overlaid = theme.overlay[index % theme.overlay.length];
  const color = (role === "overlay" ? overlaid : theme.roles[role]) ?? theme.text;
  return legible(color, theme.background, CURVE);
}

/** The colour half way between a curve's and the background: for bands of many pixels. */
export function bandColor(theme, curve) {
  const [ends, background] = [channels(curveColor(theme, curve)), channels(theme.background)];
  return `rgb(${ends.map((value, k) => Math.round((value + background[k]) / 2)).join()})`;
}

/** Any colour, such as that of a group of elements, as it is used for curves and ticks. */
export function tickColor(theme, color) {
  return legible(color ?? theme.text, theme.background, CURVE);
}

/** Any colour as it is used for text. */
export function textColor(theme, color) {
  return legible(color ?? theme.text, theme.background, TEXT);
}

/** The colours of the theme that the nearest `data-theme` around an element names. */
export function themeOf(el) {
  return THEMES[el.closest("[data-theme]")?.dataset.theme] ?? LIGHT;
}
