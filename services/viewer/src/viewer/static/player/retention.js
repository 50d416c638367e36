// When frames expire: text at the timeline's start and for the shown frame.

import { json } from "../common/api.js";
import * as words from "../common/messages.js";

const ASK_AGAIN_MS = 60_000;
/** If nothing has expired yet, an expiry later than this is not shown. */
const FAR_MS = 86_400_000;

/** @typedef {{first_available_frame: number, expires_at: string | null, retention_ms: number | null, retention_bytes: number | null}} Kept */

export class Retention {
  #element;
  #player;
  #url;
  /** @type {Kept | null} */
  #kept = null;
  #asked_frame = -1;
  #asked_ms = 0;

  /**
   * @param {HTMLElement} element for the text @param {import("./player.js").Player} player
   * @param {string} url of the earliest frame's retention
   */
  constructor(element, player, url) {
    this.#element = element;
    this.#player = player;
    this.#url = url;
    const update = () => {
      const stale = player.first !== this.#asked_frame || Date.now() - this.#asked_ms > ASK_AGAIN_MS;
      if (stale && player.watchable) void this.#ask();
      this.#show();
    };
    setInterval(update, 1000);
    update();
  }

  /** When a frame expires, as text. @param {number} committed_at_ms when it was committed */
  until(committed_at_ms) {
    if (!this.#kept) return "";
    const { retention_ms, retention_bytes } = this.#kept;
    return words.retention.until(retention_ms === null ? null : committed_at_ms + retention_ms, retention_bytes);
  }

  async #ask() {
    this.#asked_frame = this.#player.first;
    this.#asked_ms = Date.now();
    // Without an answer, show no text and request it again later.
    this.#kept = await json(this.#url).catch(() => null);
    this.#show();
  }

  #show() {
    const expires_at = this.#player.watchable ? this.#kept?.expires_at : null;
    const left_ms = expires_at ? Date.parse(expires_at) - Date.now() : Infinity;
    const near = left_ms < FAR_MS || (left_ms < Infinity && this.#player.first > 0);
    const text = near ? words.retention.left(left_ms * 1e6) : "";
    if (this.#element.textContent !== text) this.#element.textContent = text;
  }
}
