// The explorer's state without a browser, for tests/test_controls.py: `node controls.mjs SRC`.
// Time stands still unless a test moves it on.

const from = (name) => import(`${process.argv[2]}/${name}.js`);
const { storeOf } = await from("store");
const { Catalogue, chooseStar } = await from("catalogue");
const { callOf, hashOf, stateOf } = await from("link");
const { numberText } = await from("slider");

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

/** Stands in for anywidget's model. `python` sets values as a message of Python does. */
class Model {
  values = {};
  sent = 0;
  handlers = [];
  get(key) {
    return this.values[key];
  }
  set(key, value) {
    this.python({ [key]: value });
  }
  python(values) {
    if (Object.entries(values).every(([key, value]) => this.values[key] === value)) return;
    Object.assign(this.values, values);
    for (const handler of this.handlers) handler();
  }
  save_changes() {
    this.sent += 1;
    this.saved = { ...this.values };
  }
  on(event, handler) {
    if (event === "change") this.handlers.push(handler);
  }
}

const label = (name, low, high) => ({ name, low, high, plain: name });
const page = {
  kind: "emulator",
  labels: [label("teff", 4000, 7500), label("logg", 0, 5)],
  start: { teff: 5770, logg: 4.4 },
  windows: { "whole range": [8460, 8700] },
  programs: {},
  lambdas: { names: ["teff"], range: 0.01 },
  latents: { size: 2 },
};
const description = { ids: ["1", "2"], names: ["Kepler-93", "2"], labels: ["teff", "logg"], arrays: { labels: {} } };
const data = { array: () => [5650, 4.5, 9000, NaN] };

function start() {
  const model = new Model();
  model.values = { _page: { ...page }, labels: page.start, _done: 0 };
  const store = storeOf(model);
  model.python({ continuum: 0 }); // before there is a view, it is no edit
  model.python({ continuum: -1 });
  store.subscribe(() => {});
  store.stars = new Catalogue(description, data);
  const move = (name, value) =>
    store.set({ labels: { ...store.state.labels, [name]: value } }, { slider: name });
  return { model, store, move, teff: (value) => move("teff", value) };
}

/** The values of some keys at each step back. */
function stepsBack(store, ...keys) {
  const seen = [];
  while (store.canUndo) {
    store.undo();
    seen.push(keys.map((key) => store.state[key]));
  }
  return seen;
}

const results = {};

{ // a run of presses on one slider is one edit; another slider, or a pause, begins another
  const { store, move, teff } = start();
  [5780, 5790, 5800].forEach((value) => (wait(100), teff(value)));
  move("logg", 4);
  store.set({ window: [8500, 8550] });
  wait(1000);
  teff(6000);
  const moved = store.state.moved;
  const seen = stepsBack(store, "labels").map(([{ teff, logg }]) => [teff, logg]);
  results.undo = { seen, window: store.state.window, moved };
}

{ // runs of a latent and of a λ; choices of stars are edits of their own
  const { store } = start();
  store.set({ latents: [0.1, 0] }, { slider: "latent 0" });
  store.set({ latents: [0.2, 0] }, { slider: "latent 0" });
  store.set({ latents: [0.2, 0.1] }, { slider: "latent 1" });
  store.set({ lambdas: { teff: 0.001 }, latents: [] }, { slider: "λ" });
  store.set({ lambdas: { teff: 0.002 }, latents: [] }, { slider: "λ" });
  const last = ["1", "2", ""];
  for (const id of last) chooseStar(store, id);
  results.runs = stepsBack(store, "star", "lambdas", "latents");
}

{ // the answer of a fit takes the place of what was moved meanwhile
  const { model, store, teff, move } = start();
  store.set({ star: "1" });
  teff(5000);
  store.ask({ type: "fit" });
  const asked = [store.state.busy, model.values._asked, model.values.labels.teff];
  teff(7000);
  move("logg", 1);
  store.ask({ type: "open" });
  store.set({ window: [8500, 8550] });
  wait(1000);
  const meanwhile = [store.state.labels, model.values.labels, model.values._asked.type];
  const window = model.values.window;
  model.python({ busy: "fitting…", told: "" });
  const fitting = [store.state.busy, store.state.labels.teff];
  const labels = { teff: 5100, logg: 4.6 };
  let drawings = 0;
  store.subscribe(() => (drawings += 1));
  model.python({
    busy: "", _asked: {}, _done: 1, told: "χ²/ν 1.0", labels, velocity: 12, continuum: 2,
  });
  const { busy, told, velocity, continuum } = store.state;
  results.fit = {
    asked, meanwhile, window, fitting, drawings, busy, told,
    answer: [store.state.labels, velocity, continuum],
  };
  wait(1000);
  results.fit.kept = model.values.labels;
  store.undo();
  results.fit.undone = [store.state.labels, store.state.velocity, store.state.continuum];
  results.fit.silent = store.state.told;
  store.undo();
  store.undo();
  results.fit.before = store.state.labels;
}

{ // a fit that fails, or a kernel that is gone, leaves what was moved meanwhile
  const { model, store, teff } = start();
  store.ask({ type: "fit" });
  teff(7000);
  model.python({ busy: "fitting…", told: "" });
  model.python({ busy: "", _asked: {} });
  model.python({ told: "no star is chosen" });
  const sent = model.values.labels.teff;
  const failed = { teff: store.state.labels.teff, sent, told: store.state.told };
  store.ask({ type: "fit" });
  store.release();
  results.failed = { ...failed, busy: store.state.busy };
}

{ // messages stay until the next edit; what is in view is none
  const { model, store, teff } = start();
  const seen = [];
  for (const said of [() => model.python({ told: "fitted" }), () => store.say("copied")]) {
    said();
    store.set({ window: [8500, 8550 + seen.length] });
    seen.push(store.state.told);
    teff(5000 + seen.length);
    seen.push(store.state.told);
  }
  model.python({ told: "fitted" }); // the same again
  seen.push(store.state.told);
  wait(1000); // so that nothing is left to be sent
  wait(1000);
  store.undo();
  results.told = [...seen, store.state.told, model.saved.told];
  store.say("copied");
  model.python({ velocity: 3 }); // Python has said nothing
  results.told.push(store.state.told);
}

{ // views share a store; another model, such as that of a reloaded page, knows the label moved last
  const { model, store, move } = start();
  const view = { get: (key) => model.get(key), on: () => {} };
  move("logg", 3);
  const reloaded = new Model();
  reloaded.values = { ...model.values, _page: { ...page } };
  const other = storeOf(reloaded);
  results.views = [storeOf(view) === store, other !== store, other.state.moved];
}

{ // Jupyter's echo of an older move does not undo a newer one; what Python sets later counts
  const { model, store, teff } = start();
  teff(5780);
  teff(5790);
  model.python({ labels: { teff: 5780, logg: 4.4 } });
  const echoed = [store.state.labels.teff, model.values.labels.teff];
  wait(100);
  const sent = model.sent;
  model.python({ labels: { teff: 5000, logg: 4.4 } });
  results.echo = { echoed, sent, later: store.state.labels.teff };
  store.undo();
  results.echo.undone = store.state.labels.teff;
}

{ // a star brings its known labels, within the sliders' ranges
  const { store } = start();
  store.set({ velocity: 20, labels: { teff: 5770, logg: 1 } });
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
  const hash = hashOf(page, store.state, store.opened);
  const read = (text) => stateOf(page, store.stars, text, store.opened);
  results.link = {
    hash: read(`#${hash}`),
    wrong: read("#teff=99999&logg=x&star=none&window=[2,1]&velocity=1e9&split=7&continuum=&" +
      'overlay=["1","1"]&panels=["flux","sky"]&gradient=age&compare=truth&lambdas={"teff":"0"}&' +
      "latents=[1]&constructor=1&moved=logg"),
    beyond: read("#window=[9000,9100]&lambdas=[]&reference=2").window,
    empty: read("#teff=5770"),
    none: read(""),
    foreign: read("#chapter-3"),
    call: callOf(page, store.state),
    callAtStart: callOf(page, { ...store.state, labels: page.start, velocity: 0 }),
    callWithoutStar: callOf(page, { ...store.state, star: "" }),
  };
}

results.numbers = [-0.0004, -0.5, 0, 12].map((value) => numberText(value, 3));

{ // a page that opens with a star, a window and other labels: links may lead away from these
  const { store } = start();
  const labels = { teff: 5000, logg: 4 };
  const opened = { ...store.opened, star: "1", window: [8500, 8550], gradient: "teff", labels };
  const hash = hashOf(page, store.opened, opened);
  const [back, none] = [hash, ""].map((text) => stateOf(page, store.stars, text, opened));
  results.opened = { back: { ...back, theme: "auto" }, first: store.opened, none: none.star };
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
