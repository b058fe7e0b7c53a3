/** The explorer as an anywidget, and for pages without Jupyter (`open`). */

import { View } from "./layout.js";
import { storeOf } from "./store.js";

export { open } from "./host.js";

/** Makes the store, which lives as long as the model, whatever views of it come and go. */
function initialize({ model }) {
  try {
    storeOf(model);
  } catch (error) {
    console.error(error); // `render` will say it on the page
  }
}

/** Shows the explorer of a model in an element; gives a function that takes it away. */
function render({ model, el }) {
  try {
    const view = new View(model, el);
    return () => view.destroy();
  } catch (error) {
    el.textContent = `The explorer cannot be shown: ${error.message}`;
    el.setAttribute("role", "alert");
    console.error(error);
    return () => {};
  }
}

export default { initialize, render };
