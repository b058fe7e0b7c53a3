/** The names of the panels. */

const PANELS = {
  emulator: { flux: "flux", residual: "residual", gradient: "gradient" },
  translator: {
    flux: "flux", difference: "translated − synthetic", split: "effect of z_split",
    residual: "residual",
  },
  editor: { flux: "flux", difference: "differences" },
};

/**
 * The panels that a page may show: their names, by key.
 *
 * @param {object} page
 * @returns {object}
 */
export function panelsOf(page) {
  const { split, ...others } = PANELS[page.kind];
  return split && page.split ? PANELS[page.kind] : others;
}
