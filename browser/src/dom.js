/** Makes elements of the page. */

/**
 * Makes an element.
 *
 * @param {string} tag - Name of the element, with CSS classes after dots: "div.specnb-row".
 * @param {object} attributes - Attributes; those that begin with "on" are listeners of events,
 *   `html` is the content as HTML, and null or false leaves an attribute out.
 * @param {...(Node|string)} children
 * @returns {HTMLElement}
 */
export function make(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  element.classList.add(...classes);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "html") element.innerHTML = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/**
 * Makes a list from which one value is chosen.
 *
 * @param {string} label - What is chosen, for screen readers and as the tooltip.
 * @param {Array<[string, string]>} options - Pairs of a value and its text.
 * @param {function(string)} onChoose
 * @returns {HTMLSelectElement}
 */
export function makeSelect(label, options, onChoose) {
  const element = make("select.specnb-select", { "aria-label": label, title: label });
  setOptions(element, options);
  element.addEventListener("change", () => onChoose(element.value));
  return element;
}

/** Gives a list other options, as pairs of a value and its text. Equal ones are left alone. */
export function setOptions(element, options) {
  const key = JSON.stringify(options);
  if (element.dataset.options === key) return;
  element.dataset.options = key;
  element.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
}

/** Sets a text only where it changes, since each change costs layout. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets attributes, by name, only where they change; null takes one away. */
export function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === element.getAttribute(name)) continue;
    if (value === null) element.removeAttribute(name);
    else element.setAttribute(name, value);
  }
}
