// Runs the programs that `specnb.widgets.pages.programs` writes, with exact derivatives (forward mode).

import { OPERATIONS } from "./operations.js";

/**
 * A vector of numbers, and possibly its derivative. If it does not move, its derivative is zero.
 */
export class Vector {
  constructor(size) {
    this.value = new Float64Array(size);
    this.tangent = new Float64Array(size);
    this.moving = false;
    this.changed = 0; // when it last changed, counted in runs
    this.renewed = 0; // when its numbers changed, and not only its derivative
  }

  /**
   * Take other numbers in the run `now`. The vector moves along the tangent, and does not move if
   * that is null. If it is undefined, nobody asks for derivatives.
   */
  set(values, tangent, now) {
    let turned = tangent !== undefined && Boolean(tangent) !== this.moving;
    for (let i = 0; i < this.value.length; i++) {
      const value = values[i] ?? NaN;
      if (!Object.is(this.value[i], value)) this.renewed = now;
      if (tangent && this.tangent[i] !== tangent[i]) turned = true;
      this.value[i] = value;
      if (tangent) this.tangent[i] = tangent[i];
    }
    if (!turned && this.renewed !== now) return;
    this.moving = Boolean(tangent);
    this.changed = now;
  }
}

/**
 * Make a program ready to run.
 *
 * @param {Object} program - its inputs, outputs and steps.
 * @param {Data} data - its arrays.
 * @returns {{run: function, push: function}} `run(inputs)` gives the outputs by name, from arrays
 *   of numbers by name. `push(inputs, tangents)` gives `{values, tangents}`: the outputs, and their
 *   derivatives if each input moves along its tangent; inputs without a tangent do not move. The
 *   results are valid until the next call. Steps whose inputs did not change are not run again.
 */
export function compile(program, data) {
  const inputs = new Map();
  const vectors = new Map();
  let steps = null;
  let now = 0;

  function prepare(given) {
    for (const name of program.inputs) {
      const vector = new Vector(given[name]?.length ?? 0);
      inputs.set(name, vector);
      vectors.set(name, vector);
    }
    steps = program.steps.map((step) => {
      const taken = step.in.map((name) => vectors.get(name));
      const make = OPERATIONS[step.op];
      if (!make) throw new Error(`this page has the step ${step.op}: it needs a newer explorer`);
      const { size, apply } = make(step, data, ...taken);
      const out = new Vector(size);
      vectors.set(step.out, out);
      return { taken, out, apply, done: false };
    });
  }

  function execute(given, tangents) {
    if (!steps) prepare(given);
    for (const [name, vector] of inputs) {
      if ((given[name]?.length ?? 0) !== vector.value.length) {
        throw new Error(`${name} has ${given[name]?.length} numbers, not ${vector.value.length}`);
      }
    }
    now += 1;
    for (const [name, vector] of inputs) {
      const tangent = tangents && (tangents[name] ?? null);
      vector.set(given[name] ?? [], tangent, now);
    }
    for (const step of steps) {
      if (step.done && step.taken.every((vector) => vector.changed < now)) continue;
      step.out.moving = step.taken.some((vector) => vector.moving);
      const fresh = !step.done || step.taken.some((vector) => vector.renewed === now);
      step.apply(step.out, fresh);
      step.out.changed = now;
      if (fresh) step.out.renewed = now;
      step.done = true;
    }
  }

  function results(key) {
    const names = Object.entries(program.outputs);
    return Object.fromEntries(names.map(([name, from]) => [name, vectors.get(from)[key]]));
  }

  return {
    run(given) {
      execute(given);
      return results("value");
    },
    push(given, tangents) {
      execute(given, tangents);
      for (const from of Object.values(program.outputs)) {
        const vector = vectors.get(from);
        if (!vector.moving) vector.tangent.fill(0);
      }
      return { values: results("value"), tangents: results("tangent") };
    },
  };
}
