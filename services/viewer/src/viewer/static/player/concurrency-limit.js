// Limits how many callers use something at once, in order of their requests.

export class ConcurrencyLimit {
  #free;
  /** @type {(() => void)[]} */
  #waiting = [];

  /** @param {number} count how many may hold a permit at once */
  constructor(count) {
    this.#free = count;
  }

  /** @returns {Promise<void>} once it holds a permit, which it must release */
  async acquire() {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise((resolve) => this.#waiting.push(() => resolve(undefined)));
  }

  release() {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free += 1;
  }
}
