// The marks of the loop.

/** Dispatches `changed`, and `moved` if a person changed them on this page. */
export class LoopMarks extends EventTarget {
  /** The first and the last frame of the loop; null where there is no mark. @type {number | null} */
  in = null;
  /** @type {number | null} */
  out = null;

  get any() { return this.in !== null || this.out !== null; }

  /** Sets or moves a mark; swaps the two if needed. @param {"in" | "out"} which @param {number} frame */
  set(which, frame) {
    this[which] = frame;
    if (this.in !== null && this.out !== null && this.in > this.out) [this.in, this.out] = [this.out, this.in];
    this.#moved();
  }

  clear() {
    this.in = this.out = null;
    this.#moved();
  }

  /** Takes the marks from the room. @param {number | null} first @param {number | null} last */
  follow(first, last) {
    if (first === this.in && last === this.out) return;
    this.in = first;
    this.out = last;
    this.dispatchEvent(new Event("changed"));
  }

  /** The first and the last frame to play. @param {number} first @param {number} last */
  bounds(first, last) {
    const low = Math.max(first, this.in ?? first);
    return { low, high: Math.max(low, Math.min(last, this.out ?? last)) };
  }

  #moved() {
    this.dispatchEvent(new Event("changed"));
    this.dispatchEvent(new Event("moved"));
  }
}
