// The marks between which playing loops.

/** Dispatches `changed`, and `moved` when it was a person here. */
export class LoopMarks extends EventTarget {
  /** The first and the last frame of the loop; null where there is no mark. @type {number | null} */
  in = null;
  /** @type {number | null} */
  out = null;

  get any() { return this.in !== null || this.out !== null; }

  /** Sets a mark, or moves it; the two are kept in their right order. @param {"in" | "out"} which @param {number} frame */
  set(which, frame) {
    this[which] = frame;
    if (this.in !== null && this.out !== null && this.in > this.out) [this.in, this.out] = [this.out, this.in];
    this.#moved();
  }

  clear() {
    this.in = this.out = null;
    this.#moved();
  }

  /** Has the marks that somebody elsewhere set. @param {number | null} first @param {number | null} last */
  follow(first, last) {
    if (first === this.in && last === this.out) return;
    this.in = first;
    this.out = last;
    this.dispatchEvent(new Event("changed"));
  }

  /** The first and the last frame that playing shows. @param {number} first @param {number} last */
  bounds(first, last) {
    const low = Math.max(first, this.in ?? first);
    return { low, high: Math.max(low, Math.min(last, this.out ?? last)) };
  }

  #moved() {
    this.dispatchEvent(new Event("changed"));
    this.dispatchEvent(new Event("moved"));
  }
}
