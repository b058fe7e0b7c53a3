// Small dense linear algebra: matrices are Float64Arrays, row by row.

/**
 * The lower triangle L of a symmetric positive definite matrix A = L Lᵀ, in place of it.
 *
 * @param {Float64Array} a  the matrix (n, n), of which only the lower triangle is read
 * @param {number} n
 * @returns {Float64Array} the same array, whose lower triangle is now L
 */
export function cholesky(a, n) {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j];
      for (let k = 0; k < j; k++) sum -= a[i * n + k] * a[j * n + k];
      const least = Math.max(1e-15 * a[i * n + i], 1e-300);
      a[i * n + j] = i === j ? Math.sqrt(Math.max(sum, least)) : sum / a[j * n + j];
    }
  }
  return a;
}

/** Solve L v = b in place of b, where L is from `cholesky`. */
export function forward(l, n, b) {
  for (let i = 0; i < n; i++) {
    let sum = b[i];
    for (let k = 0; k < i; k++) sum -= l[i * n + k] * b[k];
    b[i] = sum / l[i * n + i];
  }
  return b;
}

/** Solve Lᵀ v = b in place of b, where L is from `cholesky`. */
export function backward(l, n, b) {
  for (let i = n - 1; i >= 0; i--) {
    let sum = b[i];
    for (let k = i + 1; k < n; k++) sum -= l[k * n + i] * b[k];
    b[i] = sum / l[i * n + i];
  }
  return b;
}

/** The solution x of A x = b, for a symmetric positive definite A (n, n); both are used up. */
export function solve(a, n, b) {
  cholesky(a, n);
  return backward(a, n, forward(a, n, b));
}

/** XᵀX of a matrix x (rows, n); both triangles are filled. */
export function gram(x, rows, n) {
  const out = new Float64Array(n * n);
  for (let r = 0; r < rows; r++) {
    const row = x.subarray(r * n, r * n + n);
    for (let i = 0; i < n; i++) {
      const value = row[i];
      if (value !== 0) for (let j = 0; j <= i; j++) out[i * n + j] += value * row[j];
    }
  }
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) out[j * n + i] = out[i * n + j];
  return out;
}

/**
 * The two directions in which a symmetric matrix is largest, by orthogonal iteration.
 *
 * @param {Float64Array} a  the matrix (n, n), as a covariance is
 * @param {number} n
 * @returns {Float64Array[]} two unit vectors, that of the larger eigenvalue first
 */
export function principalAxes(a, n) {
  const start = (k) => Float64Array.from({ length: n }, (_, i) => Math.cos((k + 1) * (i + 0.5)));
  const axes = [start(0), start(1)];
  const product = (v) => {
    const out = new Float64Array(n);
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) out[i] += a[i * n + j] * v[j];
    return out;
  };
  const dot = (u, v) => u.reduce((sum, value, i) => sum + value * v[i], 0);
  const normalise = (v) => {
    const length = Math.sqrt(dot(v, v)) || 1;
    return v.map((value) => value / length);
  };
  for (let step = 0; step < 300; step++) {
    const first = normalise(product(axes[0]));
    const second = product(axes[1]);
    const shared = dot(first, second);
    axes[1] = normalise(second.map((value, i) => value - shared * first[i]));
    const change = 1 - Math.abs(dot(first, axes[0]));
    axes[0] = first;
    if (step > 20 && change < 1e-14) break;
  }
  // The iteration finds the plane long before the axes in it: turn to the axes of the plane
  const [u, v] = axes;
  const au = product(u);
  const angle = 0.5 * Math.atan2(2 * dot(au, v), dot(au, u) - dot(product(v), v));
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return [u.map((x, i) => c * x + s * v[i]), v.map((x, i) => c * x - s * u[i])];
}

/**
 * Turn (and mirror, if that is nearer) points of a plane so that they lie near other points.
 *
 * @param {Float64Array} points  (n, 2), about their mean
 * @param {Float64Array} goal  (n, 2)
 * @returns {Float64Array} the turned points: Procrustes' problem, without a scale
 */
export function turned(points, goal) {
  const m = [0, 0, 0, 0]; // pointsᵀ goal
  for (let i = 0; i < points.length; i += 2) {
    for (let k = 0; k < 4; k++) m[k] += points[i + (k >> 1)] * goal[i + (k & 1)];
  }
  const rotation = Math.hypot(m[0] + m[3], m[1] - m[2]);
  const mirror = Math.hypot(m[0] - m[3], m[1] + m[2]);
  const r =
    rotation >= mirror
      ? [m[0] + m[3], m[1] - m[2], m[2] - m[1], m[0] + m[3]].map((x) => x / (rotation || 1))
      : [m[0] - m[3], m[1] + m[2], m[1] + m[2], m[3] - m[0]].map((x) => x / mirror);
  if (rotation === 0 && mirror === 0) return points.slice();
  const out = new Float64Array(points.length);
  for (let i = 0; i < points.length; i += 2) {
    out[i] = points[i] * r[0] + points[i + 1] * r[2];
    out[i + 1] = points[i] * r[1] + points[i + 1] * r[3];
  }
  return out;
}
