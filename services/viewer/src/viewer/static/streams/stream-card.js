// One stream's card. Names are untrusted: set as text, never as markup.

import * as format from "../common/format.js";
import { latest, showPicture } from "../common/latest-call.js";
import * as words from "../common/messages.js";

/** @typedef {import("../common/api.js").Stream} Stream */
/** @typedef {ReturnType<typeof import("../common/api.js").addresses>} Addresses */

/** The position of a stream's picture, as a share: many videos begin black. */
const PICTURE_SHARE = 0.2;

export class Card {
  #addresses;
  /** @type {Stream} */
  #stream;
  #frame = -1;
  #showPicture;
  #image;

  /** @param {Stream} stream @param {Addresses} addresses @param {HTMLTemplateElement} template */
  constructor(stream, addresses, template) {
    this.#addresses = addresses;
    this.#stream = stream;
    this.element = /** @type {HTMLElement} */ (/** @type {Element} */ (template.content.firstElementChild).cloneNode(true));
    this.checkbox = /** @type {HTMLInputElement} */ (this.#part(".pick input"));
    this.#image = /** @type {HTMLImageElement} */ (this.#part(".picture img"));
    this.#showPicture = latest((/** @type {string} */ url) => showPicture(this.#image, url));
    const link = /** @type {HTMLAnchorElement} */ (this.#part("a"));
    link.href = addresses.watch(stream.stream_id);
    const picture = this.#part(".picture");
    picture.addEventListener("pointermove", (event) => this.#browse(/** @type {PointerEvent} */ (event)));
    picture.addEventListener("pointerleave", () => this.#picture(this.#restFrame()));
    this.update(stream);
  }

  /** @param {Stream} stream as the catalogue has it now */
  update(stream) {
    const again = stream.run_id !== this.#stream.run_id;
    this.#stream = stream;
    const { name, state, error, frame_count, first_available_frame } = stream;
    this.#part(".name").textContent = name;
    this.#part(".name").setAttribute("title", name);
    const badge = this.#part(".badge");
    badge.textContent = words.states[state] ?? state;
    badge.dataset.state = state;
    const reason = this.#part(".reason");
    reason.hidden = state !== "FAILED" && state !== "TRUNCATED";
    reason.textContent = error || words.noReason;
    reason.title = error ?? "";
    this.#part(".length").textContent = format.time(stream.duration_ns);
    this.#part(".length").hidden = !frame_count;
    this.#part(".facts").textContent = this.#facts();
    this.#progress();
    const available = frame_count > first_available_frame;
    this.#part(".picture").classList.toggle("is-empty", !available);
    this.#part(".pick").hidden = !available;
    this.checkbox.setAttribute("aria-label", words.grid.choose(name));
    if (available && (again || this.#frame < first_available_frame)) this.#picture(this.#restFrame());
  }

  #facts() {
    const { width, height, fps, bytes, frame_count, started_at, state } = this.#stream;
    const started_ms = format.moment(started_at);
    return [
      width ? `${width} × ${height}` : "",
      fps && frame_count ? `${format.rate(fps)} fps` : "",
      frame_count ? format.bytes(bytes) : "",
      started_ms !== null && state !== "INGESTING" ? format.ago(started_ms, Date.now()) : "",
    ].filter(Boolean).map((fact) => fact.replaceAll(" ", "\u00a0")).join(" · ");
  }

  #progress() {
    const { state, frame_count, estimated_frame_count } = this.#stream;
    const bar = /** @type {HTMLProgressElement} */ (this.#part("progress"));
    const text = this.#part(".progress-text");
    bar.hidden = text.hidden = state !== "INGESTING";
    if (bar.hidden) return;
    if (estimated_frame_count) {
      bar.max = estimated_frame_count;
      bar.value = Math.min(frame_count, estimated_frame_count);
      text.textContent = `${format.count(frame_count)} of about ${format.count(estimated_frame_count)} frames`;
    } else {
      bar.removeAttribute("value");
      text.textContent = `${format.count(frame_count)} frames so far`;
    }
  }

  #restFrame() {
    const { first_available_frame: first, frame_count, state } = this.#stream;
    return state === "INGESTING" ? first : first + Math.floor((frame_count - 1 - first) * PICTURE_SHARE);
  }

  /** Shows the frame at the pointer: the card's width is the stream's length. @param {PointerEvent} event */
  #browse(event) {
    const { first_available_frame: first, frame_count } = this.#stream;
    if (event.pointerType !== "mouse" || frame_count <= first) return;
    const box = this.#part(".picture").getBoundingClientRect();
    const share = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
    this.#picture(first + Math.floor((frame_count - 1 - first) * share));
  }

  /** @param {number} frame */
  #picture(frame) {
    if (frame === this.#frame) return;
    this.#frame = frame;
    this.#showPicture(this.#addresses.frame(this.#stream, frame));
  }

  /** @param {string} selector @returns {HTMLElement} */
  #part(selector) {
    return /** @type {HTMLElement} */ (this.element.querySelector(selector));
  }
}
