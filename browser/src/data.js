// The arrays that Python sends: one block of bytes, and an index of what lies where in it.

const TYPES = {
  float64: Float64Array,
  float32: Float32Array,
  float16: Uint16Array,
  int32: Int32Array,
  uint8: Uint8Array,
};

let halves = null;

/** The float32 values of all 65,536 numbers of half precision, by their bits. */
function halfValues() {
  if (halves) return halves;
  halves = new Float32Array(65536);
  for (let bits = 0; bits < 32768; bits++) {
    const exponent = bits >> 10;
    const fraction = bits & 1023;
    let value = 2 ** (exponent - 15) * (1 + fraction / 1024);
    if (exponent === 0) value = 2 ** -24 * fraction;
    if (exponent === 31) value = fraction ? NaN : Infinity;
    halves[bits] = value;
    halves[bits + 32768] = -value;
  }
  return halves;
}

/**
 * Arrays by name. Each is decoded when it is first used, and then kept.
 *
 * @param {Object} description - by name the dtype, the shape and the offset in bytes, see
 *   `specnb.widgets.pages.arrays`.
 * @param {DataView|ArrayBuffer|TypedArray} view - the bytes.
 */
export class Data {
  constructor(description, view) {
    this.description = description ?? {};
    const bytes = view ?? new ArrayBuffer(0);
    this.buffer = ArrayBuffer.isView(bytes) ? bytes.buffer : bytes;
    this.start = ArrayBuffer.isView(bytes) ? bytes.byteOffset : 0;
    this.known = new Map();
  }

  /** Whether there is an array of this name. */
  has(name) {
    return name in this.description;
  }

  /** The shape of an array, a list of integers. */
  shape(name) {
    return this.entry(name).shape;
  }

  /** All numbers of an array, row by row. Half precision becomes a Float32Array. */
  array(name) {
    if (!this.known.has(name)) this.known.set(name, this.decode(this.entry(name)));
    return this.known.get(name);
  }

  /** Row i of an array, which is not copied. */
  row(name, i) {
    const size = this.shape(name).slice(1).reduce((product, n) => product * n, 1);
    return this.array(name).subarray(i * size, (i + 1) * size);
  }

  entry(name) {
    if (!this.has(name)) throw new Error(`there is no array ${name} on this page: write it anew`);
    return this.description[name];
  }

  decode({ dtype, shape, offset }) {
    const Type = TYPES[dtype];
    const count = shape.reduce((product, n) => product * n, 1);
    const size = count * Type.BYTES_PER_ELEMENT;
    let [buffer, start] = [this.buffer, this.start + offset];
    if (start + size > buffer.byteLength) {
      throw new Error(`the page's numbers end after ${buffer.byteLength} bytes: load it again`);
    }
    if (start % Type.BYTES_PER_ELEMENT) {
      // messages from Jupyter may begin anywhere in their buffer
      [buffer, start] = [buffer.slice(start, start + size), 0];
    }
    const array = new Type(buffer, start, count);
    if (dtype !== "float16") return array;
    const values = halfValues();
    return Float32Array.from(array, (bits) => values[bits]);
  }
}
