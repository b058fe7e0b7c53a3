// The panels of the three kinds of pages. Each view gives `panels`, a list of
// {key, title, unit, zero, limits: "flux"|"symmetric", curves: [{key, name, values, errors, role,
// points, dashed, index}]}, possibly `scores`, `latents` and `note`, and in `model` how the model was run.

import { reachText } from "./catalogue.js";
import { deviation, multiply, subtract } from "./vectors.js";

/** A curve. Its role decides on its colour. */
function curve(role, name, values, more = {}) {
  return { key: role, name, values, role, points: false, dashed: false, ...more };
}

/** A panel of differences, about zero. */
function differences(key, title, unit, curves) {
  return { key, title, unit, zero: true, limits: "symmetric", curves };
}

/** The panel of fluxes, with the stars that are laid over it. */
function fluxes(scene, state, curves) {
  const overlays = (state.overlay ?? []).map((id) => scene.stars.find(id));
  overlays.forEach((star, index) => {
    if (!star || star.id === state.star) return;
    const key = `overlay ${index}`;
    curves.push(curve("overlay", star.name, star.flux, { key, index }));
  });
  return { key: "flux", title: "Flux / continuum", unit: "", zero: false, limits: "flux", curves };
}

function starCurve(star) {
  return curve("star", star.name, star.flux, { points: true, errors: star.error });
}

/** The residual of a star, in units of its error or of the flux. */
function residuals(scene, state, star, { sigma }, models) {
  const inFlux = state.residual === "flux";
  const curves = Object.entries(models).map(([role, [name, model]]) => {
    const out = scene.buffer(`${role} residual`);
    return curve(role, name, deviation(star.flux, model, sigma, inFlux, out));
  });
  return differences("residual", "Star − model", inFlux ? "" : "σ", curves);
}

/** Spectra at the velocity of the state, and times the continuum of the star. */
function observed(scene, star, spectra, model) {
  const noise = star && scene.noiseOf(star);
  const shifted = {};
  for (const [role, flux] of Object.entries(spectra)) shifted[role] = scene.shifted(role, flux);
  const continuum = scene.continuumOf(star, shifted[model], noise);
  if (continuum) {
    for (const [role, flux] of Object.entries(shifted)) {
      shifted[role] = multiply(flux, continuum, scene.buffer(`observed ${role}`));
    }
  }
  return { noise, continuum, spectra: shifted };
}

/** How a model was run, and how its result is seen, see `Scene.strongest`. */
function run({ velocity = 0 }, program, output, inputs, continuum) {
  return { program, output, inputs, velocity, continuum };
}

/** The flux, the residual and the gradient of an emulator. */
function emulator(scene, state, labels, gradient) {
  const { page, programs } = scene;
  const values = scene.vector(labels);
  const label = page.labels.find(({ name }) => name === gradient);
  const spectra = {};
  if (scene.shows("gradient")) {
    const tangent = page.labels.map(({ name }) => (name === gradient ? label.change : 0));
    const pushed = programs.emulator.push({ labels: values }, { labels: tangent });
    spectra.model = pushed.values.flux;
    spectra.gradient = pushed.tangents.flux;
  } else {
    spectra.model = programs.emulator.run({ labels: values }).flux;
  }
  if (programs.physics) spectra.physics = programs.physics.run({ labels: values }).flux;

  const star = scene.stars.find(state.star);
  const seen = observed(scene, star, spectra, "model");
  const { model, physics } = seen.spectra;
  const other = state.reference === star?.id ? null : scene.stars.find(state.reference);
  const reference = star && !other ? null : (other?.flux ?? scene.start());

  const curves = star ? [starCurve(star)] : [];
  if (reference) curves.push(curve("reference", other?.name ?? "start", reference));
  if (physics) curves.push(curve("physics", "physics", physics));
  curves.push(curve("model", "model", model));
  const panels = [fluxes(scene, state, curves)];

  if (scene.shows("residual")) {
    const models = physics
      ? { physics: ["physics", physics], model: ["model", model] }
      : { residual: ["model", model] };
    if (star) {
      panels.push(residuals(scene, state, star, seen.noise, models));
    } else {
      const parts = Object.entries(models).map(([role, [name, flux]]) =>
        curve(role, name, subtract(flux, reference, scene.buffer(`${role} residual`))),
      );
      panels.push(differences("residual", "Model − reference", "", parts));
    }
  }
  if (scene.shows("gradient")) {
    const unit = `${label.change} ${label.unit}`.trim();
    const name = `${label.plain} + ${unit}`;
    const parts = [curve("gradient", name, seen.spectra.gradient)];
    panels.push(differences("gradient", `Change per ${unit} in ${label.symbol}`, "", parts));
  }
  return {
    panels: panels.filter(({ key }) => scene.shows(key)),
    scores: star && scene.scores(star, model, seen.noise),
    model: run(state, "emulator", "flux", { labels: values }, seen.continuum),
  };
}

/** The z_split of the state: by hand, of a star, or the typical one. */
function splitOf(scene, state) {
  const { split } = scene.page;
  if (!split) return { split: [], typical: [] };
  const typical = scene.data.array(split.typical);
  const star = scene.stars.find(state.split);
  const own = star && scene.stars.numbers("splits", star.row);
  const hand = state.split === "by hand" && state.split_values?.length === split.size;
  return { split: own ?? (hand ? state.split_values : typical), typical };
}

/** A synthetic spectrum, its translation, and the effect of z_split on it. */
function translator(scene, state, labels) {
  const { translated: program } = scene.programs;
  const values = scene.vector(labels);
  const { split, typical } = splitOf(scene, state);
  const spectra = {};
  const effect = scene.page.split && scene.shows("split");
  if (effect) {
    // Steps that do not depend on z_split are run once for both
    const { translated } = program.run({ labels: values, split: typical });
    spectra.typical = scene.keep("typical", translated);
  }
  Object.assign(spectra, program.run({ labels: values, split }));

  const star = scene.stars.find(state.star);
  const { noise, continuum, spectra: seen } = observed(scene, star, spectra, "translated");
  const curves = star ? [starCurve(star)] : [];
  curves.push(curve("synthetic", "synthetic", seen.synthetic));
  curves.push(curve("translated", "translated", seen.translated));
  const change = subtract(seen.translated, seen.synthetic, scene.buffer("difference"));
  const parts = [curve("residual", "translated − synthetic", change)];
  const panels = [
    fluxes(scene, state, curves),
    differences("difference", "Translated − synthetic", "", parts),
  ];
  if (effect) {
    const by = subtract(seen.translated, seen.typical, scene.buffer("split"));
    const part = curve("split", "this − typical z_split", by);
    panels.push(differences("split", "This − typical z<sub>split</sub>", "", [part]));
  }
  if (star) {
    const models = { residual: ["translated", seen.translated] };
    panels.push(residuals(scene, state, star, noise, models));
  }
  return {
    panels: panels.filter(({ key }) => scene.shows(key)),
    scores: star && scene.scores(star, seen.translated, noise),
    model: run(state, "translated", "translated", { labels: values, split }, continuum),
  };
}

/** The curve with which an edited spectrum is compared, if there is one, and a note about it. */
function comparison(scene, state, star, own, labels) {
  const { page, programs, stars } = scene;
  if (state.compare === "nearest") {
    const nearest = stars.find(stars.ids[stars.nearest(page.labels, labels)]);
    if (nearest?.id === star.id) return { note: "nearest star: this one" };
    if (!nearest) return { note: `nearest star: none within ${reachText(page.labels)}` };
    const about = { key: "nearest", index: state.overlay?.length ?? 0 }; // the next free colour
    const compared = curve("overlay", nearest.name, nearest.flux, about);
    return { note: `nearest star: ${nearest.name}`, compared };
  }
  const numbers = stars.numbers("own", star.row);
  if (state.compare !== "truth" || !programs.truth || !numbers) return { note: "" };
  const truth = stars.numbers("true_labels", star.row);
  const changed = stars.description.true_names.map((name, k) =>
    name in labels && labels[name] !== own[name] ? labels[name] : truth[k],
  );
  const { flux } = programs.truth.run({ labels: changed, own: numbers });
  return { note: "", compared: curve("truth", "truth", flux, { dashed: true }) };
}

/** A star, its reconstruction, and its spectrum with edited labels and latents. */
function editor(scene, state, labels) {
  const { page, programs, stars } = scene;
  const star = stars.find(state.star) ?? stars.find(stars.ids[0]);
  if (!star) return { panels: [fluxes(scene, state, [])], note: "there are no stars" };
  const lambdas = (page.lambdas?.names ?? []).map((name) => state.lambdas?.[name] ?? 0);
  const own = { ...page.start, ...stars.labels(star.id) };
  const inputs = { labels: scene.vector(own), lambdas };
  const encoded = programs.encoder?.run({ ...inputs, flux: star.flux }).latents;
  const latents = encoded ?? stars.numbers("latents", star.row);
  const edited = state.latents?.length === latents.length ? state.latents : latents;
  const { flux: reconstruction } = scene.original.run({ ...inputs, latents });
  const decoded = { labels: scene.vector(labels), lambdas, latents: edited };
  const { flux } = programs.decoder.run(decoded);
  const { note, compared } = comparison(scene, state, star, own, labels);

  const curves = [
    curve("star", "original", star.flux, { points: true, errors: star.error }),
    curve("reconstruction", "reconstruction", reconstruction),
    curve("edited", "edited", flux),
  ];
  const minus = (role, name, one, other, more) =>
    curve(role, name, subtract(one, other, scene.buffer(`minus ${role}`)), more);
  const parts = [
    minus("star", "original − reconstruction", star.flux, reconstruction),
    minus("edited", "edited − reconstruction", flux, reconstruction),
  ];
  if (compared) {
    const { role, name, values, ...more } = compared;
    curves.push(compared);
    parts.push(minus(role, `edited − ${name}`, flux, values, more));
  }
  const panels = [fluxes(scene, state, curves), differences("difference", "Difference", "", parts)];
  return {
    panels: panels.filter(({ key }) => scene.shows(key)),
    latents: { own: latents, edited },
    note,
    model: run({}, "decoder", "flux", decoded, null),
  };
}

/** The view of each kind of page: `(scene, state, labels, gradient) => {panels, …}`. */
export const VIEWS = { emulator, translator, editor };
