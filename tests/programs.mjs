// Runs the explorer's modules for tests/test_programs.py: `node programs.mjs SRC JOBS RESULTS`.

import { readFileSync, writeFileSync } from "node:fs";

const PIXEL = 400; // at which the strongest labels are asked for
const [source, jobsFile, resultsFile] = process.argv.slice(2);
const from = (name) => import(`${source}/${name}.js`);
const { Data } = await from("data");
const { compile } = await from("program");
const { Scene } = await from("scene");
const { Shift } = await from("doppler");
const { outside } = await from("region");
const { Catalogue } = await from("catalogue");
const { StarMap } = await from("maps");

/** The bytes of a job. As in messages of Jupyter, they may begin anywhere in their buffer. */
function bytes(name, start = 0) {
  const content = readFileSync(`${jobsFile}.${name}`);
  const all = new Uint8Array(start + content.length);
  all.set(content, start);
  return new DataView(all.buffer, start);
}

const plain = (record) =>
  Object.fromEntries(Object.entries(record).map(([name, values]) => [name, Array.from(values)]));

function runProgram({ program, calls }, data) {
  const compiled = compile(program, data);
  return calls.map(({ inputs, tangents }) => {
    if (!tangents) return plain(compiled.run(inputs));
    const pushed = compiled.push(inputs, tangents);
    return { values: plain(pushed.values), tangents: plain(pushed.tangents) };
  });
}

function runScene({ page, stars, states, name }, data) {
  const scene = new Scene(page, data);
  if (stars) scene.setStars(stars, new Data(stars.arrays, bytes(`${name}.stars`)));
  return states.map((state) => {
    const { panels, scores, note, gradient, latents, outside, why } = scene.compute(state);
    const labels = why(PIXEL).map(({ label, change }) => [label, change]); // it must change no curve
    const shown = panels.map(({ key, curves }) => [
      key,
      Object.fromEntries(curves.map((each) => [each.role, [each.name, Array.from(each.values)]])),
    ]);
    const found = latents && plain(latents);
    const plainPanels = Object.fromEntries(shown);
    return { panels: plainPanels, scores, note, gradient, outside, latents: found, why: labels };
  });
}

/** The rows of the stars that are found at places of a map, and the labels at these places. */
function runMap({ places, known, axes: [x, y] }, data) {
  const map = Object.assign(Object.create(StarMap.prototype), { x, y, _size: [131, 117] });
  map.setStars(new Catalogue(known, data));
  return places.map(([atX, atY]) => {
    const [offsetX, offsetY] = map._place(atX, atY);
    const labels = map._labelsAt({ offsetX, offsetY });
    return [map._near({ offsetX, offsetY }), labels[x.name], labels[y.name]];
  });
}

function run(job) {
  const data = new Data(job.arrays, bytes(job.name, job.name === "half" ? 3 : 0));
  if (job.program) return runProgram(job, data);
  if (job.states) return runScene(job, data);
  if (job.places) return runMap(job, data);
  if (job.stars) return job.stars.map((labels) => outside(job.page, labels, data));
  const shift = new Shift(job.wavelength, job.detectors);
  const out = new Float64Array(job.flux.length);
  return job.velocities.map((velocity) => Array.from(shift.apply(job.flux, velocity, out)));
}

const jobs = JSON.parse(readFileSync(jobsFile));
const results = Object.fromEntries(jobs.map((job) => [job.name, run(job)]));
writeFileSync(resultsFile, JSON.stringify(results));
