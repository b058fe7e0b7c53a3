/** Light or dark: what the user chose, or else what the page around the explorer has. */

/** The theme of the page around: JupyterLab's, or else that of the system. */
function aroundTheme() {
  const { jpThemeLight } = document.body.dataset;
  if (jpThemeLight) return jpThemeLight === "true" ? "light" : "dark";
  return window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/**
 * Gives an element its `data-theme`.
 *
 * @param {HTMLElement} el
 * @param {string} theme - "auto", "light" or "dark".
 */
export function applyTheme(el, theme) {
  el.dataset.theme = theme === "auto" ? aroundTheme() : theme;
}

/**
 * Calls a function when the theme of the page around changes.
 *
 * @param {function()} onChange
 * @returns {function()} Ends the calls.
 */
export function watchTheme(onChange) {
  const media = window.matchMedia("(prefers-color-scheme: dark)");
  media.addEventListener("change", onChange);
  const body = new MutationObserver(onChange);
  body.observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
  return () => {
    media.removeEventListener("change", onChange);
    body.disconnect();
  };
}
