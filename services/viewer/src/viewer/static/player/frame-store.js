// A store of frames by number, bounded in bytes: drops the frames farthest from the focus first.

/** @template T */
export class FrameStore {
  /** @type {Map<number, {item: T, bytes: number}>} */
  #entries = new Map();
  #bytes = 0;
  #limit_bytes;
  #dispose;

  /** @param {number} limit_bytes @param {(item: T) => void} [dispose] frees what an item holds */
  constructor(limit_bytes, dispose = () => {}) {
    this.#limit_bytes = limit_bytes;
    this.#dispose = dispose;
  }

  get bytes() {
    return this.#bytes;
  }

  /** @param {number} frame */
  has(frame) {
    return this.#entries.has(frame);
  }

  /** @param {number} frame @returns {T | undefined} */
  get(frame) {
    return this.#entries.get(frame)?.item;
  }

  /**
   * @param {number} frame @param {T} item @param {number} bytes
   * @param {(frame: number) => number} distance from the focus; the greatest is dropped first
   */
  put(frame, item, bytes, distance) {
    this.#drop(frame);
    this.#entries.set(frame, { item, bytes });
    this.#bytes += bytes;
    while (this.#bytes > this.#limit_bytes && this.#entries.size > 1) {
      let farthest = frame;
      for (const candidate of this.#entries.keys()) {
        if (distance(candidate) > distance(farthest)) farthest = candidate;
      }
      this.#drop(farthest);
    }
  }

  /**
   * The frame nearest to `frame` on the way from `since` (excluded) to it.
   * @param {number} since @param {number} frame @returns {number | null}
   */
  nearest(since, frame) {
    let best = null;
    const step = Math.sign(frame - since);
    for (const candidate of this.#entries.keys()) {
      const passed = (candidate - since) * step > 0 && (frame - candidate) * step >= 0;
      if (passed && (best === null || (candidate - best) * step > 0)) best = candidate;
    }
    return best;
  }

  clear() {
    for (const frame of [...this.#entries.keys()]) this.#drop(frame);
  }

  /** @param {number} frame */
  #drop(frame) {
    const entry = this.#entries.get(frame);
    if (!entry) return;
    this.#entries.delete(frame);
    this.#bytes -= entry.bytes;
    this.#dispose(entry.item);
  }
}
