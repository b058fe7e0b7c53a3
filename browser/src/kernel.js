/** Whether Python's kernel is there, and whether it is busy with something. */

const SLOW = 700; // ms after which a busy kernel is worth a word
const GONE = ["restarting", "autorestarting", "terminating", "dead"];

/**
 * Watches the kernel as far as the page knows it: JupyterLab does, others may not.
 *
 * @param {object} model - anywidget's model.
 * @param {function(string)} onChange - Gets "live", "busy" or "none".
 * @returns {function()} Ends the watching.
 */
export function watchKernel(model, onChange) {
  if (model.kernel === false) {
    onChange("none");
    return () => {};
  }
  onChange("live");
  const kernel = model.widget_manager?.kernel;
  if (!kernel?.statusChanged?.connect) return () => {};
  let timer = null;
  let gone = false; // a new kernel does not know this explorer
  const follow = () => {
    clearTimeout(timer);
    gone = gone || GONE.includes(kernel.status);
    if (gone) onChange("none");
    else if (kernel.status === "busy") timer = setTimeout(() => onChange("busy"), SLOW);
    else onChange("live");
  };
  kernel.statusChanged.connect(follow);
  follow();
  return () => {
    clearTimeout(timer);
    kernel.statusChanged.disconnect(follow);
  };
}
