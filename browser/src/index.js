/** The explorer as an anywidget, and for pages without Jupyter (`open`). */

import { View } from "./layout.js";

export { open } from "./host.js";

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

export default { render };
