/**
 * The component on a page without Jupyter: the files that `specnb explore --static` writes are
 * loaded, and an object with the methods of anywidget's model stands in for the kernel's.
 */

import explorer from "./index.js";
import { stateOf } from "./link.js";
import { storeOf } from "./store.js";

/** The values of an explorer. There is no kernel: messages to it go nowhere. */
export class StaticModel {
  constructor(values) {
    this.kernel = false;
    this.values = { ...values };
    this.listeners = new Map();
  }

  get(key) {
    return this.values[key];
  }

  set(key, value) {
    if (this.values[key] === value) return;
    this.values[key] = value;
    for (const event of [`change:${key}`, "change"]) {
      for (const listener of [...(this.listeners.get(event) ?? [])]) listener(this, value);
    }
  }

  on(event, listener) {
    if (!this.listeners.has(event)) this.listeners.set(event, new Set());
    this.listeners.get(event).add(listener);
  }

  off(event, listener) {
    if (event == null) this.listeners.clear();
    else if (listener) this.listeners.get(event)?.delete(listener);
    else this.listeners.delete(event);
  }

  save_changes() {}

  send() {}
}

async function load(url) {
  let response;
  try {
    response = await fetch(url);
  } catch {
    throw new Error(`${url} cannot be loaded: is the web server still running?`);
  }
  if (!response.ok) throw new Error(`${url} cannot be loaded (${response.status}): check its name`);
  return response;
}

/**
 * Show an explorer in an element.
 *
 * `url` is the address of its three files without their endings, such as "data/rvs". Gives a
 * function that takes the explorer away again. If a file is missing, the element says so. The hash
 * of the page's address sets the state, also when it changes later.
 */
export async function open(el, url) {
  try {
    const bytes = (ending) => load(url + ending).then((response) => response.arrayBuffer());
    const [description, data, starsData] = await Promise.all([
      load(`${url}.json`).then((response) => response.json()),
      bytes(".bin"),
      bytes(".stars.bin"),
    ]);
    const model = new StaticModel({
      ...description.state,
      _page: description.page,
      _data: new DataView(data),
      _stars: description.stars,
      _stars_data: new DataView(starsData),
    });
    explorer.initialize({ model });
    const store = storeOf(model);
    const read = (record) => {
      store.set(stateOf(description.page, store.stars, location.hash, store.opened), { record });
    };
    const readAgain = () => read(true);
    read(false);
    window.addEventListener("hashchange", readAgain);
    const end = explorer.render({ model, el });
    return () => {
      window.removeEventListener("hashchange", readAgain);
      end();
    };
  } catch (error) {
    el.textContent = error.message;
    el.setAttribute("role", "alert");
    throw error;
  }
}
