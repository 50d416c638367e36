// Decodes one stream, in a worker: keeps encoded frames around the current frame, and decodes the
// wanted ones to bitmaps. It has one wish at a time; a new wish replaces the old one.

import { Away, Gone, Missing, Replaced, delayMs } from "../common/api.js";
import { covers, onGrid, upcoming, windowFor } from "./fetch-plan.js";
import { readWindow } from "./window-reader.js";
import { FrameStore } from "./frame-store.js";

/**
 * @typedef {object} Wish
 * @property {string} run_id whose frames are wanted
 * @property {number[]} frames to decode, the most urgent first
 * @property {number} frame the current frame
 * @property {number} step signed stride
 * @property {number} window_frames how many to request at a time
 * @property {number} ahead_frames how many encoded frames to hold beyond the current one
 * @property {boolean} follow whether to stay at the live edge
 * @property {import("./fetch-plan.js").Range} range
 * @property {number} received sequence number of the last bitmap that had arrived
 */

/** @typedef {{window: import("./fetch-plan.js").Window, next: number, abort: AbortController}} Reading next: the least frame still to come */

const ENCODED_LIMIT_BYTES = 96e6;
const PARALLEL_DECODES = 3;

export class StreamDecoder {
  /** @type {FrameStore<import("./frame-records.js").FrameRecord>} */
  #encoded;
  /** Posted bitmaps that the page had not received when it sent its last wish. @type {Map<number, number>} */
  #posted = new Map();
  /** @type {Set<number>} */
  #decoding = new Set();
  #sequence = 0;
  #url;
  #limit;
  #post;
  /** @type {Wish | null} */
  #wish = null;
  /** @type {Reading | null} */
  #reading = null;
  #failures = 0;
  /** @type {number | undefined} */
  #retry_timer;
  /** A frame that was missing from a complete window: requested again only after a pause. */
  #absent = -1;

  /**
   * @param {string} url of the stream's frames @param {number} share of the available memory
   * @param {import("./concurrency-limit.js").ConcurrencyLimit} limit of requests at a time
   * @param {(message: object, transfer?: Transferable[]) => void} post to the page
   */
  constructor(url, share, limit, post) {
    this.#url = url;
    this.#encoded = new FrameStore(ENCODED_LIMIT_BYTES * share);
    this.#limit = limit;
    this.#post = post;
  }

  /** @param {Wish} wish replaces the one before */
  want(wish) {
    if (wish.run_id !== this.#wish?.run_id) this.#forget();
    this.#wish = wish;
    for (const [frame, number] of this.#posted) if (number <= wish.received) this.#posted.delete(frame);
    this.#work();
  }

  /** A new run replaces every frame: drop all frames and requests. */
  #forget() {
    this.#reading?.abort.abort();
    this.#reading = null;
    this.#encoded.clear();
    this.#posted.clear();
    this.#decoding.clear();
  }

  #work() {
    this.#decodeNext();
    this.#readNext();
  }

  /** While not playing, one frame is awaited: it comes first. */
  get #hurries() {
    return this.#wish !== null && !this.#wish.ahead_frames && this.#decoding.has(this.#wish.frame);
  }

  #decodeNext() {
    for (const frame of this.#wish?.frames ?? []) {
      if (this.#decoding.size >= PARALLEL_DECODES || this.#hurries) return;
      const record = this.#encoded.get(frame);
      if (record && !this.#posted.has(frame) && !this.#decoding.has(frame)) void this.#decode(record);
    }
  }

  /** @param {import("./frame-records.js").FrameRecord} record */
  async #decode({ header, image }) {
    this.#decoding.add(header.frame);
    const began_ms = performance.now();
    this.#sequence += 1;
    this.#posted.set(header.frame, this.#sequence);
    const number = this.#sequence;
    const run_id = this.#wish?.run_id;
    try {
      const bitmap = await createImageBitmap(new Blob([image], { type: header.mime_type }));
      const decode_ms = (performance.now() - began_ms) / Math.max(1, this.#decoding.size);
      this.#post({ type: "frame", run_id, header, bitmap, number, decode_ms }, [bitmap]);
    } catch {
      this.#post({ type: "unreadable", run_id, frame: header.frame, number });
    }
    if (run_id === this.#wish?.run_id) this.#decoding.delete(header.frame);
    this.#work();
  }

  /** The next frame to show, if it is missing. */
  #soonMissing() {
    return this.#wish?.frames.find((frame) => !this.#encoded.has(frame) && !this.#posted.has(frame));
  }

  /** @returns {number | null} the first frame to ask the server for */
  #missingFrame() {
    if (!this.#wish) return null;
    const soon = this.#soonMissing();
    if (soon !== undefined) return soon;
    const ahead = upcoming(this.#wish.frame, this.#wish.step, this.#wish.ahead_frames, this.#wish.range);
    const later = ahead.find((frame) => !this.#encoded.has(frame));
    if (later !== undefined) return later;
    // All committed frames are here: at a live edge, wait at the server for the next ones.
    const atEdge = this.#wish.follow && ahead.length < this.#wish.ahead_frames;
    const waiting = this.#reading?.window.follow && this.#reading.window.stride === this.#wish.step;
    return atEdge && !waiting ? onGrid(this.#wish.range.edge, this.#wish.step) : null;
  }

  #readNext() {
    if (this.#reading?.window.follow && !this.#wish?.follow) {
      this.#reading.abort.abort();
      this.#reading = null;
    }
    const missing = this.#missingFrame();
    if (!this.#wish || missing === null || this.#retry_timer !== undefined || this.#hurries) return;
    if (this.#reading) {
      // Abort a window only for the frame that the page waits for. Never abort a window of one frame:
      // it is nearly complete, and a moving pointer would leave the screen empty.
      const { window, next } = this.#reading;
      const urgent = window.follow || (missing === this.#wish.frame && window.count !== 1);
      if (!urgent || covers(window, next, missing)) return;
      this.#reading.abort.abort();
    }
    const step = missing < this.#wish.frame && this.#wish.step === 1 ? -1 : this.#wish.step;
    const alone = missing === this.#wish.frame && !this.#wish.ahead_frames;
    const window = windowFor(missing, step, alone ? 1 : this.#wish.window_frames, this.#wish, missing === this.#soonMissing());
    this.#reading = { window, next: window.from, abort: new AbortController() };
    void this.#read(this.#reading, missing);
  }

  /** @param {Reading} current @param {number} missing */
  async #read(current, missing) {
    let arrived = false;
    await this.#limit.acquire();
    try {
      if (this.#reading !== current) return;
      for await (const record of readWindow(this.#url, this.#wish?.run_id ?? "", current.window, current.abort.signal)) {
        if (this.#reading !== current) return;
        this.#recovered();
        const { frame, pts_ns, image_bytes, skipped } = record.header;
        arrived ||= frame === missing;
        current.next = frame + 1;
        const focus = this.#wish?.frame ?? frame;
        this.#encoded.put(frame, record, image_bytes, (other) => this.#distance(other, focus));
        this.#post({ type: "arrived", run_id: this.#wish?.run_id, frame, pts_ns, image_bytes, skipped });
        this.#work();
      }
      if (this.#reading !== current) return;
      this.#reading = null;
      this.#recovered();
      if (current.window.follow) this.#pauseReading(200);
      else if (arrived) this.#readNext();
      else this.#giveUp(missing);
    } catch (error) {
      if (this.#reading !== current) return;
      this.#reading = null;
      this.#stumble(error, missing);
    } finally {
      this.#limit.release();
    }
  }

  /** Frames behind the direction of playback are less useful. @param {number} frame @param {number} focus */
  #distance(frame, focus) {
    const ahead = (frame - focus) * Math.sign(this.#wish?.step ?? 1);
    return ahead >= 0 ? ahead : -3 * ahead;
  }

  #recovered() {
    if (this.#failures) this.#post({ type: "back" });
    this.#failures = 0;
    this.#absent = -1;
  }

  /** @param {number} frame that its window did not bring */
  #giveUp(frame) {
    if (this.#absent !== frame) this.#post({ type: "missing", frame });
    this.#absent = frame;
    this.#pauseReading(1000);
  }

  /** @param {unknown} error @param {number} missing */
  #stumble(error, missing) {
    if (error instanceof Gone) {
      this.#post({ type: "gone", frame: missing, first_available_frame: error.first_available_frame });
      this.#pauseReading(500);
    } else if (error instanceof Replaced) {
      // The page will soon learn of the other run.
      this.#pauseReading(200);
    } else if (error instanceof Missing) {
      this.#giveUp(missing);
    } else {
      this.#failures += 1;
      const busy = error instanceof Away && error.retry_after_seconds !== null;
      this.#post({ type: "away", busy });
      this.#pauseReading(delayMs(this.#failures, error));
    }
  }

  /** @param {number} ms */
  #pauseReading(ms) {
    this.#retry_timer = setTimeout(() => {
      this.#retry_timer = undefined;
      this.#readNext();
    }, ms);
  }
}
