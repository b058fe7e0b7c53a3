// Where the labels are with respect to the region in which a model may be trusted.

function number(value, decimals) {
  return value.toFixed(decimals).replace("-", "−");
}

/** Linear interpolation of y(x) between increasing x; beyond them the ends hold. */
function interpolate(at, x, y) {
  if (!(at > x[0])) return y[0];
  const next = x.findIndex((value) => value > at);
  if (next < 0) return y[y.length - 1];
  const share = (at - x[next - 1]) / (x[next] - x[next - 1]);
  return y[next - 1] + share * (y[next] - y[next - 1]);
}

/** Whether labels are farther from the stars of the domain than these are from each other. */
function outsideDomain({ columns, scale, stars, limit }, values, data) {
  const known = data.array(stars);
  const width = columns.length;
  const place = columns.map((column, k) => values[column] / scale[k]);
  let nearest = Infinity;
  for (let at = 0; at < known.length; at += width) {
    let squares = 0;
    for (let k = 0; k < width; k++) squares += (known[at + k] - place[k]) ** 2;
    if (squares < nearest) nearest = squares;
  }
  return Math.sqrt(nearest) > limit;
}

/**
 * What tells that labels are outside the region of a page; nothing if they are inside.
 *
 * @param {Object} page - with `labels` and `region`.
 * @param {Object} values - labels by name.
 * @param {Data} data
 * @returns {string[]} such as "outside the training hull: T_eff > 7650 K".
 */
export function outside(page, values, data) {
  const { low, high, name, limits, domain } = page.region;
  const texts = [];
  page.labels.forEach((label, i) => {
    const value = values[label.name];
    const unit = label.unit ? ` ${label.unit}` : "";
    let end = value > high[i] ? `> ${number(high[i], label.decimals)}` : "";
    if (!(value >= low[i])) end = `< ${number(low[i], label.decimals)}`;
    if (end) texts.push(`outside the ${name}: ${label.plain} ${end}${unit}`);
  });
  for (const limit of limits) {
    const weights = Object.entries(limit.weights);
    const total = weights.reduce((sum, [label, weight]) => sum + weight * values[label], 0);
    const least = limit.by ? interpolate(values[limit.by], limit.x, limit.y) : limit.y[0];
    if (!(total >= least)) texts.push(`outside the ${name}: ${limit.text}`);
  }
  const row = page.labels.map((label) => values[label.name]);
  if (domain && outsideDomain(domain, row, data)) {
    texts.push("outside the domain of the real stars that corrected the model");
  }
  return texts;
}
