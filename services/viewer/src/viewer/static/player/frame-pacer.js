// Decides which frame is due: from the clock, the index and the received frames.

import * as clocks from "./media-clock.js";
import { observe, pursue } from "./live-edge-pursuit.js";
import { onGrid } from "./fetch-plan.js";

/** Frames later than this stop the clock, so that nothing is missed. */
const LATE_MS = 250;
/** If the clock was not read for this long, the page was hidden or the machine asleep. */
const ASLEEP_MS = 1000;

export class FramePacer {
  #feed;
  #index;
  #clock = clocks.at(0);
  #frame = 0;
  #fresh_ms = 0;
  #looked_ms = 0;
  /** @type {import("./live-edge-pursuit.js").Sample[]} */
  #edge_samples = [];

  /** @param {import("./frame-feed.js").FrameFeed} feed @param {import("./frame-index.js").FrameIndex} index */
  constructor(feed, index) {
    this.#feed = feed;
    this.#index = index;
  }

  /** The frame that is due. */
  get frame() { return this.#frame; }
  /** The media time that is due. */
  get pts_ns() { return clocks.ptsAt(this.#clock, performance.now()); }
  get playing() { return this.#clock.playing; }
  /** Playing, but waiting for frames. */
  get held() { return this.#clock.held; }
  get rate() { return this.#clock.rate; }
  get first() { return this.#index.first; }
  get last() { return Math.max(0, this.#index.count - 1); }

  /** Goes to a frame; when playing, waits there for its picture. @param {number} frame */
  go(frame) {
    const now_ms = performance.now();
    this.#frame = Math.max(this.first, Math.min(this.last, Math.round(frame)));
    this.#clock = clocks.seek(this.#clock, now_ms, this.#index.ptsOf(this.#frame));
    this.#clock = clocks.setHeld(this.#clock, now_ms, this.playing);
  }

  play() {
    const now_ms = performance.now();
    this.#clock = clocks.setHeld(clocks.play(this.#clock, now_ms), now_ms, true);
  }

  pause() {
    this.#clock = clocks.pause(this.#clock, performance.now());
  }

  /** @param {number} rate media seconds per second; negative plays backwards */
  setRate(rate) {
    this.#clock = clocks.setRate(this.#clock, performance.now(), rate);
  }

  /** Notes that the due frame, or one on the way to it, is on the screen. @param {number} now_ms */
  shown(now_ms) {
    this.#fresh_ms = now_ms;
  }

  /**
   * Moves on to the frame that is due now.
   * @param {number} now_ms @param {{low: number, high: number, loop: boolean, live: boolean}} range
   *   first and last frame to show; live: stay a moment behind the newest frame
   * @returns {"start" | "end" | null} the end that was reached
   */
  advance(now_ms, { low, high, loop, live }) {
    this.#feed.weighStride(this.rate, now_ms);
    // Time during which the page was hidden is not played.
    if (now_ms - this.#looked_ms > ASLEEP_MS && !live) this.go(this.#frame);
    this.#looked_ms = now_ms;
    if (this.held) {
      this.#goOn(now_ms);
      return null;
    }
    if (live) this.#pursue(now_ms);
    const range = { low_ns: this.#index.ptsOf(low), high_ns: this.#index.endOf(high) - 1, loop };
    const { clock, reached } = clocks.within(this.#clock, now_ms, range);
    this.#clock = clock;
    if (reached && (reached === "end") === (this.rate > 0)) {
      this.#frame = reached === "end" ? this.#onGrid(high) : low;
      return reached;
    }
    this.#frame = this.#onGrid(this.#index.frameAt(clocks.ptsAt(clock, now_ms)));
    if (this.#feed.has(this.#frame) && this.#index.ready(this.#frame)) this.#fresh_ms = now_ms;
    if (now_ms - this.#fresh_ms > LATE_MS) this.#clock = clocks.setHeld(this.#clock, now_ms, true);
    return null;
  }

  /** Held: continues where it stopped, once this frame and the next one have arrived. @param {number} now_ms */
  #goOn(now_ms) {
    this.#frame = this.#onGrid(this.#frame);
    const next = this.#frame + Math.sign(this.rate) * this.#feed.stride;
    const nextThere = this.#feed.has(next) || next > this.last || next < this.first;
    if (!this.#feed.has(this.#frame) || !this.#index.ready(this.#frame) || !nextThere) return;
    this.#clock = clocks.seek(this.#clock, now_ms, this.#index.ptsOf(this.#frame));
    this.#clock = clocks.setHeld(this.#clock, now_ms, false);
    this.#fresh_ms = now_ms;
  }

  /** @param {number} now_ms */
  #pursue(now_ms) {
    const edge_ns = this.#index.ptsOf(this.last);
    this.#edge_samples = observe(this.#edge_samples, { at_ms: now_ms, pts_ns: edge_ns });
    const { rate, jump_ns } = pursue(this.#edge_samples, edge_ns - clocks.ptsAt(this.#clock, now_ms));
    this.#clock = clocks.setRate(this.#clock, now_ms, rate);
    if (jump_ns !== null) this.go(this.#index.frameAt(edge_ns - jump_ns));
  }

  /** The strided frame that is shown instead of this one. @param {number} frame */
  #onGrid(frame) {
    return Math.max(this.first, onGrid(frame, this.#feed.stride));
  }
}
