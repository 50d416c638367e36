// The player: a person's wishes in, pictures out. Owns the clock; draws on every animation frame.

import * as clocks from "./clock.js";
import { DELAY_MS, observe, pursue } from "./edge.js";
import { onGrid } from "./plan.js";
import { nextSpeed } from "./speeds.js";

/** @typedef {import("../common/api.js").Stream} Stream */

const LATE_MS = 250;

/** Dispatches `painted` (detail: header) and `changed` (anything that a control shows). */
export class Player extends EventTarget {
  #feed;
  #index;
  #screen;
  #clock = clocks.at(0);
  #frame = 0;
  #shown = -1;
  #fresh_ms = 0;
  #scrubbing = false;
  /** @type {import("./edge.js").Sample[]} */
  #edge_samples = [];

  /**
   * @param {Stream} stream @param {import("./feed.js").Feed} feed
   * @param {import("./frameindex.js").FrameIndex} index @param {import("./screen.js").Screen} screen
   */
  constructor(stream, feed, index, screen) {
    super();
    this.#feed = feed;
    this.#index = index;
    this.#screen = screen;
    this.stream = stream;
    this.speed = 1;
    this.live = false;
    this.ended = false;
    /** @type {{in: number | null, out: number | null}} frames between which playing loops */
    this.marks = { in: null, out: null };
    this.skipped = { late: 0, server: 0 };
    this.update(stream);
    feed.addEventListener("arrived", (event) => this.#arrived(/** @type {CustomEvent} */ (event).detail));
    feed.addEventListener("gone", (event) => this.#gone(/** @type {CustomEvent} */ (event).detail.first_available_frame));
  }

  get playing() { return this.#clock.playing; }
  /** The frame that is wanted on the screen. */
  get frame() { return this.#frame; }
  /** The frame that is on the screen; -1 before the first. */
  get shown() { return this.#shown; }
  get first() { return this.#index.first; }
  get last() { return Math.max(0, this.#index.count - 1); }
  get ingesting() { return this.stream.state === "INGESTING"; }
  get watchable() { return this.#index.count > this.stream.first_available_frame; }
  get scrubbing() { return this.#scrubbing; }
  /** Playing, but without a picture to go on with. */
  get waiting() { return this.#shown !== this.#frame && (this.#clock.held || !this.playing); }
  get atEdge() { return this.ingesting && this.#frame >= this.last; }
  get looping() { return this.marks.in !== null || this.marks.out !== null; }
  /** Media time from the place to the live edge. */
  get behind_ns() { return Math.max(0, this.#index.ptsOf(this.last) - this.#index.ptsOf(this.#frame)); }

  /** The stream as the catalogue has it now. @param {Stream} stream */
  update(stream) {
    if (stream.run_id !== this.stream.run_id) {
      this.#index.reset();
      this.#feed.clear();
      this.#shown = -1;
    }
    this.stream = stream;
    this.#index.update(stream);
    this.#feed.update(stream);
    this.#screen.sampleAspectRatio = stream.sample_aspect_ratio;
    if (!this.ingesting) this.live = false;
    if (this.watchable && this.#frame < this.first) this.#gone(this.first);
    this.#changed();
  }

  play() {
    if (this.playing) return;
    const { low, high } = this.#bounds();
    if (this.speed > 0 && this.#frame >= high && !this.ingesting) this.#go(low);
    if (this.speed < 0 && this.#frame <= low) this.#go(high);
    this.ended = false;
    this.#clock = clocks.setHeld(clocks.play(this.#clock, performance.now()), performance.now(), true);
    this.#changed();
  }

  pause() {
    if (!this.playing) return;
    this.live = false;
    this.#clock = clocks.setRate(clocks.pause(this.#clock, performance.now()), performance.now(), this.speed);
    this.#go(this.#shown >= 0 ? this.#shown : this.#frame);
    this.#changed();
  }

  toggle() { if (this.playing) this.pause(); else this.play(); }

  /** Goes to a frame exactly; playing goes on from there. @param {number} frame */
  seek(frame) {
    this.#leaveEdge();
    this.ended = false;
    this.#go(frame);
    this.#changed();
  }

  /** @param {number} pts_ns */
  seekTime(pts_ns) { this.seek(this.#index.frameAt(pts_ns)); }

  /** @param {number} seconds from here, negative back */
  skip(seconds) {
    const to_ns = this.#index.ptsOf(this.#frame) + seconds * 1e9;
    this.seek(this.#index.frameAt(Math.max(0, to_ns)));
  }

  /** Pauses, and moves by whole frames. @param {number} frames */
  step(frames) {
    this.pause();
    this.seek(this.#frame + frames);
  }

  /** @param {number} speed media seconds a second, negative for reverse */
  setSpeed(speed) {
    this.live = false;
    this.speed = speed;
    this.#clock = clocks.setRate(this.#clock, performance.now(), speed);
    this.#changed();
  }

  /** @param {1 | -1} direction to the next quicker or slower speed, keeping the way */
  changeSpeed(direction) {
    this.setSpeed(nextSpeed(this.speed, direction));
  }

  reverse() { this.setSpeed(-this.speed); }

  /** Shows pictures as a hand moves; playing waits until endScrub(). @param {number} frame */
  scrub(frame) {
    this.#scrubbing = true;
    this.seek(frame);
  }

  endScrub() {
    this.#scrubbing = false;
    this.#changed();
  }

  /** To the newest frame, and on with it as frames come; to the end of what has ended. */
  goLive() {
    if (!this.ingesting) return this.seek(this.last);
    this.setSpeed(1);
    this.#go(this.#index.frameAt(this.#index.ptsOf(this.last) - DELAY_MS * 1e6));
    this.live = true;
    this.play();
    this.#changed();
  }

  /** Sets a mark at the current frame, or moves it. @param {"in" | "out"} which */
  mark(which) {
    this.marks = { ...this.marks, [which]: this.#frame };
    const { in: first, out: last } = this.marks;
    if (first !== null && last !== null && first > last) this.marks = { in: last, out: first };
    this.#changed();
  }

  clearMarks() {
    this.marks = { in: null, out: null };
    this.#changed();
  }

  /** One animation frame. @param {number} now_ms as performance.now() */
  tick(now_ms) {
    if (!this.watchable) return;
    if (this.playing && !this.#scrubbing) this.#advance(now_ms);
    this.#paint(now_ms);
    this.#feed.want({
      frame: this.#frame,
      mode: this.#scrubbing ? "scrubbing" : this.playing ? "playing" : "paused",
      rate: this.#clock.rate,
      follow: this.playing && this.ingesting && this.#clock.rate > 0 && !this.looping,
      range: { first: this.first, edge: this.#index.count },
    });
  }

  /** The first and the last frame that playing shows. */
  #bounds() {
    const low = Math.max(this.first, this.marks.in ?? 0);
    return { low, high: Math.max(low, Math.min(this.last, this.marks.out ?? this.last)) };
  }

  /** @param {number} now_ms */
  #advance(now_ms) {
    this.#feed.weighStride(this.#clock.rate, now_ms);
    if (this.#clock.held) return this.#goOn(now_ms);
    if (this.live) this.#pursue(now_ms);
    const { low, high } = this.#bounds();
    const range = { low_ns: this.#index.ptsOf(low), high_ns: this.#index.endOf(high) - 1, loop: this.looping };
    const { clock, reached } = clocks.within(this.#clock, now_ms, range);
    this.#clock = clock;
    if (reached === "end" && clock.rate > 0) return this.#reachEnd(high);
    if (reached === "start" && clock.rate < 0) return this.#stopAt(low);
    this.#frame = this.#onGrid(this.#index.frameAt(clocks.ptsAt(clock, now_ms)));
    if (this.#feed.has(this.#frame) && this.#index.ready(this.#frame)) this.#fresh_ms = now_ms;
    if (now_ms - this.#fresh_ms > LATE_MS) this.#hold(now_ms, true);
  }

  /** Held: goes on, exactly where it stopped, once there is a picture and the one after it. */
  #goOn(/** @type {number} */ now_ms) {
    this.#frame = this.#onGrid(this.#frame);
    const next = this.#frame + Math.sign(this.#clock.rate) * this.#feed.stride;
    const nextThere = this.#feed.has(next) || next > this.last || next < this.first;
    if (!this.#feed.has(this.#frame) || !this.#index.ready(this.#frame) || !nextThere) return;
    this.#clock = clocks.seek(this.#clock, now_ms, this.#index.ptsOf(this.#frame));
    this.#fresh_ms = now_ms;
    this.#hold(now_ms, false);
  }

  /** @param {number} now_ms @param {boolean} held */
  #hold(now_ms, held) {
    this.#clock = clocks.setHeld(this.#clock, now_ms, held);
    this.#changed();
  }

  /** Of the strided frames, the one shown in this one's place. @param {number} frame */
  #onGrid(frame) {
    return Math.max(this.first, onGrid(frame, this.#feed.stride));
  }

  /** @param {number} last frame to show */
  #reachEnd(last) {
    if (!this.ingesting) {
      this.ended = true;
      return this.#stopAt(last);
    }
    this.#frame = this.#onGrid(last);
    if (!this.live && this.speed >= 1 && !this.looping) {
      this.live = true;
      this.#changed();
    }
  }

  /** @param {number} frame */
  #stopAt(frame) {
    this.#clock = clocks.pause(this.#clock, performance.now());
    this.#go(frame);
    this.#changed();
  }

  /** @param {number} now_ms */
  #pursue(now_ms) {
    const edge_ns = this.#index.ptsOf(this.last);
    this.#edge_samples = observe(this.#edge_samples, { at_ms: now_ms, pts_ns: edge_ns });
    const { rate, jump_ns } = pursue(this.#edge_samples, edge_ns - clocks.ptsAt(this.#clock, now_ms));
    this.#clock = clocks.setRate(this.#clock, now_ms, rate);
    if (jump_ns !== null) this.#go(this.#index.frameAt(edge_ns - jump_ns));
  }

  /** @param {number} now_ms */
  #paint(now_ms) {
    if (this.#shown === this.#frame) return;
    const moving = this.playing || this.#scrubbing;
    const frame = this.#feed.has(this.#frame) ? this.#frame : moving ? this.#feed.nearest(this.#shown, this.#frame) : null;
    const picture = frame === null ? null : this.#feed.get(frame);
    if (frame === null || !picture) return;
    if (picture.bitmap && picture.header) {
      this.#screen.paint(picture.bitmap, picture.header);
      this.#countLate(frame);
      this.dispatchEvent(new CustomEvent("painted", { detail: picture.header }));
    }
    this.#shown = frame;
    this.#fresh_ms = now_ms;
    if (!this.playing) this.#changed();
  }

  /** @param {number} frame about to be shown in the place of #shown */
  #countLate(frame) {
    if (!this.playing || this.#scrubbing || this.#shown < 0 || this.#clock.held) return;
    const { stride } = this.#feed;
    const moved = (frame - this.#shown) * Math.sign(this.#clock.rate);
    if (moved > stride && moved < 4 * this.#feed.fps) this.skipped.late += Math.round(moved / stride) - 1;
  }

  /** @param {number} frame */
  #go(frame) {
    const now_ms = performance.now();
    this.#frame = Math.max(this.first, Math.min(this.last, Math.round(frame)));
    this.#clock = clocks.seek(this.#clock, now_ms, this.#index.ptsOf(this.#frame));
    this.#clock = clocks.setHeld(this.#clock, now_ms, this.playing);
  }

  #leaveEdge() {
    if (!this.live) return;
    this.live = false;
    this.#clock = clocks.setRate(this.#clock, performance.now(), this.speed);
  }

  /** @param {{frame: number, pts_ns: number, image_bytes: number, skipped: number}} record */
  #arrived({ frame, pts_ns, image_bytes, skipped }) {
    this.#index.note(frame, pts_ns, image_bytes);
    this.skipped.server += skipped;
  }

  /** @param {number | null} first that is still there */
  #gone(first) {
    if (first === null || !this.watchable) return;
    this.#index.first = Math.max(this.#index.first, first);
    if (this.#frame >= first) return;
    this.#go(first);
    this.dispatchEvent(new CustomEvent("expired", { detail: first }));
  }

  #changed() {
    this.dispatchEvent(new Event("changed"));
  }
}
