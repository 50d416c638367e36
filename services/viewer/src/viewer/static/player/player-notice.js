// The message over the picture: what the player waits for, or why it shows nothing.

import * as words from "../common/messages.js";

const say = words.player;
/** A shorter wait is not mentioned. */
const PATIENCE_MS = 500;
const PASSING_MS = 6000;

/** @typedef {{text: string, kind: "busy" | "info" | "problem"}} Message */

export class Notice {
  #element;
  #text;
  #player;
  #waiting_since_ms = 0;
  /** @type {{message: Message, until_ms: number} | null} */
  #passing = null;
  /** Set while the server is unavailable or full. @type {string} */
  trouble = "";

  /** @param {HTMLElement} element @param {import("./player.js").Player} player */
  constructor(element, player) {
    this.#element = element;
    this.#text = /** @type {HTMLElement} */ (element.querySelector("p"));
    this.#player = player;
  }

  /** Shows a message for a few seconds. @param {string} text @param {Message["kind"]} [kind] */
  pass(text, kind = "info") {
    this.#passing = { message: { text, kind }, until_ms: performance.now() + PASSING_MS };
  }

  /** One animation frame. @param {number} now_ms */
  tick(now_ms) {
    if (!this.#player.waiting) this.#waiting_since_ms = now_ms;
    if (this.#passing && now_ms > this.#passing.until_ms) this.#passing = null;
    const message = this.#message(now_ms);
    const element = this.#element;
    if (element.hidden !== !message) element.hidden = !message;
    if (!message || this.#text.textContent === message.text) return;
    this.#text.textContent = message.text;
    element.dataset.kind = message.kind;
  }

  /** @param {number} now_ms @returns {Message | null} the most important first */
  #message(now_ms) {
    const { stream, watchable, shown, ended, frame } = this.#player;
    if (!watchable) {
      return { text: words.nothingToSee(stream), kind: stream.state === "INGESTING" ? "busy" : "problem" };
    }
    const waited = now_ms - this.#waiting_since_ms > PATIENCE_MS;
    if (this.trouble && (waited || shown < 0)) return { text: this.trouble, kind: "busy" };
    if (this.#passing) return this.#passing.message;
    if (shown < 0) return waited ? { text: say.loading, kind: "busy" } : null;
    if (waited) return { text: this.#player.ingesting && frame >= this.#player.last ? say.waiting : say.buffering, kind: "busy" };
    if (ended && frame === this.#player.last) {
      return { text: stream.state === "TRUNCATED" ? say.truncated(stream.error) : say.ended, kind: "info" };
    }
    return null;
  }
}
