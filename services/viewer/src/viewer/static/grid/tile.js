// One stream of the grid: shows its frame of the common moment on its own canvas.

import * as format from "../common/format.js";
import * as words from "../common/messages.js";
import { FrameFeed } from "../player/frame-feed.js";
import { FrameIndex } from "../player/frame-index.js";
import { FramePainter } from "../player/frame-painter.js";
import { onGrid } from "../player/fetch-plan.js";
import { FrameCanvas } from "../player/frame-canvas.js";

/** @typedef {import("../common/api.js").Stream} Stream */

/** A stream without a frame for this long no longer delays the others. */
const PATIENCE_MS = 3000;

export class Tile {
  #index;
  #feed;
  #painter;
  #screen;
  #addresses;
  /** @type {Stream | null} */
  #stream = null;
  #due = 0;
  /** 0: nothing has been waited for yet. */
  #waiting_since_ms = 0;
  #trouble = "";

  /**
   * @param {string} stream_id @param {HTMLTemplateElement} template
   * @param {ReturnType<typeof import("../common/api.js").addresses>} addresses
   * @param {import("../player/decoder-client.js").DecoderClient} decoders @param {number} share of the available memory
   */
  constructor(stream_id, template, addresses, decoders, share) {
    this.element = /** @type {HTMLElement} */ (/** @type {Element} */ (template.content.firstElementChild).cloneNode(true));
    this.#addresses = addresses;
    this.#index = new FrameIndex((run, from, count, stride) => addresses.index(stream_id, run, from, count, stride), () => {});
    this.#feed = new FrameFeed(decoders, addresses.frames(stream_id), share);
    this.#screen = new FrameCanvas(/** @type {HTMLCanvasElement} */ (this.#part("canvas")));
    this.#painter = new FramePainter(this.#feed, this.#screen);
    this.#feed.addEventListener("arrived", (event) => {
      const { frame, pts_ns, image_bytes } = /** @type {CustomEvent} */ (event).detail;
      this.#index.note(frame, pts_ns, image_bytes);
    });
    this.#feed.addEventListener("gone", (event) => {
      const first = /** @type {CustomEvent} */ (event).detail.first_available_frame;
      if (first !== null) this.#index.first = Math.max(this.#index.first, first);
    });
    this.#feed.addEventListener("away", (event) => {
      this.#trouble = /** @type {CustomEvent} */ (event).detail.busy ? words.player.busy : words.away;
    });
    this.#feed.addEventListener("back", () => { this.#trouble = ""; });
    this.#part(".name").textContent = stream_id;
  }

  /** @param {Stream} stream as the catalogue has it now */
  update(stream) {
    if (this.#stream && stream.run_id !== this.#stream.run_id) {
      this.#index.reset();
      this.#painter.shown = -1;
    }
    this.#stream = stream;
    this.#index.update(stream);
    this.#feed.update(stream);
    this.#screen.sampleAspectRatio = stream.sample_aspect_ratio;
    this.#part(".name").textContent = stream.name;
    this.#part("canvas").setAttribute("aria-label", words.grid.picture(stream.name));
    const badge = this.#part(".badge");
    badge.textContent = words.states[stream.state] ?? stream.state;
    badge.dataset.state = stream.state;
  }

  /** There is no such stream. */
  miss() {
    this.#stream = null;
    this.#say(words.grid.unknown);
  }

  get #watchable() { return this.#stream !== null && this.#index.count > this.#stream.first_available_frame; }
  /** When the stream's last frame stops being shown. */
  get end_ns() { return this.#watchable ? this.#index.end_ns : 0; }
  /** Whether the stream still grows. */
  get growing() { return this.#stream?.state === "INGESTING"; }
  get frame_ns() { return 1e9 / this.#index.fps; }

  /**
   * Shows the frame of a moment, or requests it.
   * @param {number} pts_ns @param {number} rate @param {"playing" | "paused" | "scrubbing"} mode @param {number} now_ms
   * @returns {boolean} whether the other tiles may go on
   */
  show(pts_ns, rate, mode, now_ms) {
    if (!this.#watchable) {
      this.#waiting_since_ms = 0;
      if (this.#stream) this.#say(words.nothingToSee(this.#stream));
      return true;
    }
    if (mode === "playing") this.#feed.weighStride(rate, now_ms);
    const stride = mode === "playing" ? this.#feed.stride : 1;
    this.#due = Math.max(this.#index.first, onGrid(this.#index.frameAt(pts_ns), stride));
    const known = this.#index.ready(this.#due);
    const picture = this.#painter.paint(this.#due, mode !== "paused", mode === "playing" ? Math.sign(rate) * stride : 0);
    if (picture) this.#describe(picture);
    this.#feed.want({
      frame: this.#due, mode, rate, follow: false, range: { first: this.#index.first, edge: this.#index.count },
    });
    const there = known && (this.#feed.has(this.#due) || this.#painter.shown === this.#due);
    if (there || !this.#waiting_since_ms) this.#waiting_since_ms = now_ms;
    const given_up = now_ms - this.#waiting_since_ms > PATIENCE_MS;
    this.#say(given_up ? this.#trouble || words.player.buffering : "");
    return there || given_up;
  }

  /** @param {import("../player/frame-feed.js").Picture} picture */
  #describe({ header }) {
    if (!header) return;
    this.#part(".at").textContent = words.player.position(format.time(header.pts_ns, { exact: true }), header.frame);
    if (this.#stream) {
      /** @type {HTMLAnchorElement} */ (this.#part("a")).href =
        `${this.#addresses.watch(this.#stream.stream_id)}?frame=${header.frame}&paused`;
    }
  }

  /** @param {string} text over the picture; empty for none */
  #say(text) {
    const note = this.#part(".note");
    if (note.textContent !== text) note.textContent = text;
    note.hidden = !text;
  }

  /** @param {string} selector @returns {HTMLElement} */
  #part(selector) {
    return /** @type {HTMLElement} */ (this.element.querySelector(selector));
  }
}
