// The page's client of the decoder worker: one worker for all streams of the page.

export class DecoderClient {
  #worker = new Worker(new URL("decoder-worker.js", import.meta.url), { type: "module" });
  /** @type {((message: any) => void)[]} */
  #receivers = [];

  constructor() {
    this.#worker.onmessage = ({ data: { id, message } }) => this.#receivers[id](message);
  }

  /**
   * @param {string} url of a stream's frames @param {number} share of the available memory
   * @param {(message: any) => void} receive
   * @returns {(wish: import("./stream-decoder.js").Wish) => void}
   */
  open(url, share, receive) {
    const id = this.#receivers.push(receive) - 1;
    this.#worker.postMessage({ id, open: { url: new URL(url, location.href).href, share } });
    return (wish) => this.#worker.postMessage({ id, wish });
  }
}
