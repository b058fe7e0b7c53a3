// The explorer's state without a browser, for tests/test_controls.py: `node controls.mjs SRC`.
// Time stands still unless a test moves it on.

const from = (name) => import(`${process.argv[2]}/${name}.js`);
const { Store } = await from("store");
const { Catalogue, chooseStar } = await from("catalogue");
const { callOf, hashOf, stateOf } = await from("link");

let now = 0;
let count = 0;
const timers = new Map();
globalThis.performance.now = () => now;
globalThis.setTimeout = (call, wait) => {
  count += 1;
  timers.set(count, { call, at: now + wait });
  return count;
};
globalThis.clearTimeout = (timer) => timers.delete(timer);

function wait(time) {
  now += time;
  for (const [timer, { call, at }] of [...timers]) {
    if (at > now) continue;
    timers.delete(timer);
    call();
  }
}

/** Stands in for anywidget's model. `python` sets a value as Python does. */
class Model {
  values = {};
  sent = 0;
  handlers = new Map();
  get(key) {
    return this.values[key];
  }
  set(key, value) {
    this.values[key] = value;
    this.handlers.get(`change:${key}`)?.();
  }
  python(key, value) {
    this.set(key, value);
  }
  save_changes() {
    this.sent += 1;
  }
  on(event, handler) {
    this.handlers.set(event, handler);
  }
  off() {}
}

const label = (name, low, high) => ({ name, low, high, plain: name });
const page = {
  kind: "emulator",
  labels: [label("teff", 4000, 7500), label("logg", 0, 5)],
  start: { teff: 5770, logg: 4.4 },
};
const description = { ids: ["1", "2"], names: ["Kepler-93", "2"], labels: ["teff", "logg"], arrays: { labels: {} } };
const data = { array: () => [5650, 4.5, 9000, NaN] };

function start() {
  const model = new Model();
  const store = new Store(model, page);
  store.stars = new Catalogue(description, data);
  const teff = (value) => store.set({ labels: { ...store.state.labels, teff: value } });
  return { model, store, teff };
}

const results = {};

{ // a run of presses on one slider is one edit; another slider, or a pause, begins another
  const { store, teff } = start();
  [5780, 5790, 5800].forEach((value) => (wait(100), teff(value)));
  store.set({ labels: { ...store.state.labels, logg: 4 } });
  store.set({ window: [8500, 8550] });
  wait(1000);
  teff(6000);
  const seen = [];
  while (store.canUndo) {
    store.undo();
    seen.push([store.state.labels.teff, store.state.labels.logg]);
  }
  results.undo = { seen, window: store.state.window };
}

{ // Jupyter's echo of an older move does not undo a newer one; what Python sets later counts
  const { model, store, teff } = start();
  teff(5780);
  teff(5790);
  model.python("labels", { teff: 5780, logg: 4.4 });
  const echoed = [store.state.labels.teff, model.values.labels.teff];
  wait(100);
  const sent = model.sent;
  model.python("labels", { teff: 5000, logg: 4.4 });
  results.echo = { echoed, sent, later: store.state.labels.teff };
  store.undo();
  results.echo.undone = store.state.labels.teff;
}

{ // a star brings its known labels, within the sliders' ranges
  const { store } = start();
  store.set({ velocity: 20 });
  wait(1000);
  chooseStar(store, "2");
  results.star = { ...store.state.labels, velocity: store.state.velocity };
  store.undo();
  results.star.before = [store.state.star, store.state.labels.teff, store.state.velocity];
  store.follow = false;
  chooseStar(store, "1");
  results.star.stays = store.state.labels.teff;
}

{ // links and calls say what is set, and wrong ones are left out
  const { store, teff } = start();
  teff(5000);
  store.set({ star: "1", window: [8500, 8550.5], velocity: -12 });
  const hash = hashOf(page, store.state);
  const read = (text) => stateOf(page, store.stars, text);
  results.link = {
    hash: read(`#${hash}`),
    wrong: read("#teff=99999&logg=x&star=none&window=[2,1]&velocity=1e9&split=7"),
    foreign: read("#chapter-3"),
    call: callOf(page, store.state),
  };
}

{ // names
  const stars = new Catalogue({ ids: ["2052747119115620352", "7"], names: ["Kepler-93", "7"] }, data);
  results.names = {
    found: stars.search("KEPLER 2052", 9),
    shown: ["2052747119115620352", "7"].map((id) => stars.name(id)),
    unnamed: new Catalogue({ ids: ["2052747119115620352"] }, data).name("2052747119115620352"),
  };
}

console.log(JSON.stringify(results));
