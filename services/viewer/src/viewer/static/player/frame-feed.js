// The page's side of decoding: tells the worker which frames are wanted, and keeps their bitmaps.

import { strideFor, surrounding, upcoming, windowFrames } from "./fetch-plan.js";
import { FrameStore } from "./frame-store.js";

/** @typedef {{bitmap: ImageBitmap | null, header: import("./frame-records.js").FrameHeader | null}} Picture */

/**
 * @typedef {object} Scene what is shown, and how
 * @property {number} frame
 * @property {"playing" | "paused" | "scrubbing"} mode
 * @property {number} rate signed
 * @property {boolean} follow
 * @property {import("./fetch-plan.js").Range} range
 */

const BITMAP_LIMIT_BYTES = 256e6;
const AHEAD_LIMIT_BYTES = 64e6;
const WINDOW_BYTES = 4e6;
const AHEAD_SECONDS = 3;

const clamp = (/** @type {number} */ low, /** @type {number} */ value, /** @type {number} */ high) =>
  Math.max(low, Math.min(high, Math.floor(value)));

/** Dispatches `arrived`, `gone`, `missing`, `unreadable`, `away`, `back`, each with the worker's message. */
export class FrameFeed extends EventTarget {
  /** @type {FrameStore<Picture>} */
  #pictures;
  #wish;
  #share;
  #run_id = "";
  #received = 0;
  #decode_ms = 6;
  #sent = "";
  #stride = 1;
  #stride_rate = NaN;
  #stride_at_ms = 0;
  #focus = 0;
  #direction = 1;

  /**
   * @param {import("./decoder-client.js").DecoderClient} decoders @param {string} url of the stream's frames
   * @param {number} [share] of the memory that is to be had, where several streams are watched
   */
  constructor(decoders, url, share = 1) {
    super();
    this.#share = share;
    this.#pictures = new FrameStore(BITMAP_LIMIT_BYTES * share, ({ bitmap }) => bitmap?.close());
    this.fps = 25;
    this.frame_bytes = 50_000;
    this.bitmap_bytes = 4e6;
    this.#wish = decoders.open(url, share, (message) => this.#receive(message));
  }

  /** Takes the stream's figures, which determine the read-ahead. @param {import("../common/api.js").Stream} stream */
  update({ run_id, fps, bytes, frame_count, width, height }) {
    if (run_id !== this.#run_id) this.#pictures.clear();
    this.#run_id = run_id;
    this.fps = fps || this.fps;
    if (frame_count) this.frame_bytes = Math.max(1, bytes / frame_count);
    this.bitmap_bytes = Math.max(1, width * height * 4);
  }

  /** The step between shown frames while playing. */
  get stride() {
    return this.#stride;
  }

  /** Adapts the stride to the speed and to the decoding rate. @param {number} rate @param {number} now_ms */
  weighStride(rate, now_ms) {
    // Only now and then: each change of stride costs a window.
    const changed = !(Math.abs(rate / this.#stride_rate - 1) < 0.25);
    if (!changed && now_ms - this.#stride_at_ms < 1500) return;
    this.#stride = strideFor(rate * this.fps, 800 / this.#decode_ms);
    this.#stride_rate = rate;
    this.#stride_at_ms = now_ms;
  }

  /** @param {number} frame */
  has(frame) {
    return this.#pictures.has(frame);
  }

  /** @param {number} frame */
  get(frame) {
    return this.#pictures.get(frame);
  }

  /** @param {number} since @param {number} frame */
  nearest(since, frame) {
    return this.#pictures.nearest(since, frame);
  }

  /** Sets what is wanted now. @param {Scene} scene */
  want({ frame, mode, rate, follow, range }) {
    const playing = mode === "playing";
    const stride = playing ? this.#stride : 1;
    const step = playing && rate < 0 ? -stride : stride;
    const lead = clamp(2, (this.#share * BITMAP_LIMIT_BYTES) / 2 / this.bitmap_bytes, 10);
    const soon = { playing: () => upcoming(frame, step, lead, range), paused: () => surrounding(frame, range).slice(0, lead),
      scrubbing: () => [frame] }[mode]();
    const ahead_frames = Math.min((this.#share * AHEAD_LIMIT_BYTES) / this.frame_bytes, (AHEAD_SECONDS * this.fps * Math.abs(rate)) / stride);
    const most = { playing: 64, paused: 8, scrubbing: 1 }[mode];
    this.#focus = frame;
    this.#direction = Math.sign(step);
    const wish = {
      run_id: this.#run_id,
      frames: soon.filter((wanted) => !this.#pictures.has(wanted)),
      frame,
      step,
      window_frames: windowFrames(this.fps, Math.min(most, WINDOW_BYTES / this.frame_bytes)),
      ahead_frames: playing ? clamp(4, ahead_frames, 240) : 0,
      follow,
      range,
    };
    const key = JSON.stringify(wish);
    if (key === this.#sent) return;
    this.#sent = key;
    this.#wish({ ...wish, received: this.#received });
  }

  /** @param {any} message one of the worker's */
  #receive(message) {
    const { type, run_id, header, bitmap, number } = message;
    if (run_id !== undefined && run_id !== this.#run_id) {
      bitmap?.close();
      return;
    }
    if (type === "frame") {
      this.#received = Math.max(this.#received, number);
      this.#decode_ms += 0.1 * (message.decode_ms - this.#decode_ms);
      this.#keep(header.frame, { bitmap, header }, this.bitmap_bytes);
      return;
    }
    if (type === "unreadable") {
      this.#received = Math.max(this.#received, number);
      this.#keep(message.frame, { bitmap: null, header: null }, 1);
    }
    this.dispatchEvent(new CustomEvent(type, { detail: message }));
  }

  /** @param {number} frame @param {Picture} picture @param {number} bytes */
  #keep(frame, picture, bytes) {
    this.#pictures.put(frame, picture, bytes, (other) => {
      const ahead = (other - this.#focus) * this.#direction;
      return ahead >= 0 ? ahead : -2 * ahead;
    });
  }
}
