/* The elements of the plot. The pad lies over the panels: it takes the focus, pointer and wheel, and
 * says what they show.
 */

const MOMENT = 4000; // How long the hint about scrolling stays, in ms

const PARTS = `
  <div class="specnb-plot-figure">
    <div class="specnb-legend" aria-hidden="true"></div>
    <button type="button" class="specnb-plot-button specnb-rescale" tabindex="-1" hidden
      title="Fit the vertical axes to the curves in view (r)">rescale</button>
    <div class="specnb-stage">
      <div class="specnb-panels" aria-hidden="true"></div>
      <div class="specnb-pad" tabindex="0" role="img" aria-keyshortcuts="?">
        <div class="specnb-hair" hidden></div>
        <div class="specnb-picked" hidden></div>
        <div class="specnb-box" hidden></div>
      </div>
      <div class="specnb-card" role="status" hidden></div>
      <div class="specnb-keys" hidden></div>
      <div class="specnb-hint" hidden>Click the spectrum, then scroll to zoom (or hold Ctrl).</div>
    </div>
  </div>
  <div class="specnb-strip" aria-hidden="true"><div></div></div>
  <div class="specnb-foot">
    <div class="specnb-readout"></div>
    <div class="specnb-nearest"></div>
    <button type="button" class="specnb-plot-button specnb-help" tabindex="-1"
      title="Keys and mouse (?)">?</button>
  </div>`;

/**
 * Put the elements of the plot into an element.
 *
 * @returns {object} Those that change, by the name that follows "specnb-" in their class.
 */
export function makeParts(root) {
  root.innerHTML = PARTS;
  const names = [
    "legend", "rescale", "panels", "pad", "hair", "picked", "box", "card", "keys", "hint", "strip",
    "readout", "nearest", "help",
  ];
  const found = names.map((name) => [name, root.querySelector(`.specnb-${name}`)]);
  return Object.fromEntries(found);
}

/** A function that shows an element for a moment, the first time it is called. */
export function showOnce(el) {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    el.hidden = false;
    setTimeout(() => (el.hidden = true), MOMENT);
  };
}

/** Show the box of a zoom between two positions in screen pixels, or hide it (null). */
export function showBox(el, ends) {
  el.hidden = !ends;
  if (!ends) return;
  el.style.left = `${ends[0]}px`;
  el.style.width = `${ends[1] - ends[0]}px`;
}
