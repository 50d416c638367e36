// ConcurrencyLimit at something that only a few may use at once; who asks first is served first.

export class ConcurrencyLimit {
  #free;
  /** @type {(() => void)[]} */
  #waiting = [];

  /** @param {number} count of turns that can be taken at once */
  constructor(count) {
    this.#free = count;
  }

  /** @returns {Promise<void>} once it is this one's turn; every turn must be given back */
  async take() {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise((resolve) => this.#waiting.push(() => resolve(undefined)));
  }

  give() {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free += 1;
  }
}
