// The player: takes commands, and shows frames; runs once for each animation frame.

import { DELAY_MS } from "./live-edge-pursuit.js";
import { LoopMarks } from "./loop-marks.js";
import { FramePacer } from "./frame-pacer.js";
import { FramePainter } from "./frame-painter.js";
import { Transport } from "./transport.js";

/** @typedef {import("../common/api.js").Stream} Stream */

/** Within this distance of the live edge, the player requests a live connection. */
const NEAR_NS = 5e9;

/** Dispatches `painted` (detail: header), `changed` (anything that a control shows), `moved` (a person here
 * chose a place, a speed, marks, to play or to pause) and `expired` (detail: the first frame left). */
export class Player extends Transport {
  #feed;
  #index;
  #screen;
  #pacer;
  #painter;
  #permit;
  #left_out = 0;

  /**
   * @param {Stream} stream @param {import("./frame-feed.js").FrameFeed} feed
   * @param {import("./frame-index.js").FrameIndex} index @param {import("./frame-canvas.js").FrameCanvas} screen
   * @param {import("./live-edge-permit.js").LiveEdgePermit} permit
   */
  constructor(stream, feed, index, screen, permit) {
    super();
    this.#permit = permit;
    this.#feed = feed;
    this.#index = index;
    this.#screen = screen;
    this.#pacer = new FramePacer(feed, index);
    this.#painter = new FramePainter(feed, screen);
    this.stream = stream;
    this.live = this.ended = this.scrubbing = false;
    this.marks = new LoopMarks();
    this.marks.addEventListener("changed", () => this.#changed());
    this.marks.addEventListener("moved", () => this.dispatchEvent(new Event("moved")));
    this.update(stream);
    feed.addEventListener("arrived", (event) => {
      const { frame, pts_ns, image_bytes, skipped } = /** @type {CustomEvent} */ (event).detail;
      index.note(frame, pts_ns, image_bytes);
      this.#left_out += skipped;
    });
    permit.addEventListener("changed", () => this.#want());
    feed.addEventListener("gone", (event) => this.#gone(/** @type {CustomEvent} */ (event).detail.first_available_frame));
  }

  get playing() { return this.#pacer.playing; }
  /** The frame that should be on the screen. */
  get frame() { return this.#pacer.frame; }
  /** The frame that is on the screen; -1 before the first. */
  get shown() { return this.#painter.shown; }
  /** The media time that is due. */
  get pts_ns() { return this.#pacer.pts_ns; }
  get place_ns() { return this.#index.ptsOf(this.frame); }
  get first() { return this.#pacer.first; }
  get last() { return this.#pacer.last; }
  get ingesting() { return this.stream.state === "INGESTING"; }
  get watchable() { return this.#index.count > this.stream.first_available_frame; }
  /** Playing, but the next frame is missing. */
  get waiting() { return this.shown !== this.frame && (this.#pacer.held || !this.playing); }
  /** Media time from the current position to the live edge. */
  get behind_ns() { return Math.max(0, this.#index.ptsOf(this.last) - this.place_ns); }
  /** Playback statistics: the stride, the lag, and the frames that were not shown. */
  get report() {
    const lag_ns = this.playing && this.shown >= 0 ? Math.max(0, this.pts_ns - this.#index.endOf(this.shown)) : 0;
    return { stride: this.#feed.stride, lag_ns, late: this.#painter.late, left_out: this.#left_out };
  }

  /** Takes the stream's current catalogue entry. @param {Stream} stream */
  update(stream) {
    if (stream.run_id !== this.stream.run_id) {
      this.#index.reset();
      this.#painter.shown = -1;
    }
    this.stream = stream;
    this.#index.update(stream);
    this.#feed.update(stream);
    this.#screen.sampleAspectRatio = stream.sample_aspect_ratio;
    if (!this.ingesting) this.live = false;
    if (this.watchable && this.frame < this.first) this.#gone(this.first);
    this.#changed();
  }

  play() {
    if (this.playing) return;
    const { low, high } = this.marks.bounds(this.first, this.last);
    if (this.speed > 0 && this.frame >= high && !this.ingesting) this.#pacer.go(low);
    if (this.speed < 0 && this.frame <= low) this.#pacer.go(high);
    this.ended = false;
    this.#pacer.play();
    this.#moved();
  }

  pause() {
    if (!this.playing) return;
    this.#halt();
    this.#moved();
  }

  /** Seeks to a frame; playback continues from there. @param {number} frame */
  seek(frame) {
    this.#go(frame);
    this.#want();
    this.#moved();
  }

  /** Seeks to a time: exactly if the index is known, else first approximately and then exactly. */
  async seekTime(/** @type {number} */ pts_ns) {
    const guess = this.#index.frameAt(pts_ns);
    this.seek(guess);
    const exact = await this.#index.locate(pts_ns);
    if (exact !== guess && this.frame === guess) this.seek(exact);
  }

  /** Pauses and moves by whole frames. @param {number} frames */
  step(frames) {
    this.pause();
    this.seek(this.frame + frames);
  }

  /** @param {number} speed media seconds a second, negative for reverse */
  setSpeed(speed) {
    this.#setRate(speed);
    this.#moved();
  }

  /**
   * Applies the room's state without dispatching `moved`.
   * @param {{frame: number | null, playing: boolean, speed: number}} wish frame null: the place is well
   */
  follow({ frame, playing, speed }) {
    if (speed !== this.speed) this.#setRate(speed);
    if (playing && !this.playing) this.#pacer.play();
    if (!playing && this.playing) this.#halt();
    if (frame !== null) this.#go(frame);
    this.#changed();
  }

  /** Plays slightly faster or slower, to get in sync again. @param {number} factor */
  nudge(factor) { if (!this.live) this.#pacer.setRate(this.speed * factor); }

  /** Seeks while the pointer moves; playback waits until endScrub(). @param {number} frame */
  scrub(frame) {
    this.scrubbing = true;
    this.seek(frame);
  }

  endScrub() { this.scrubbing = false; this.#changed(); }

  /** Goes to the live edge and follows it; goes to the end of an ended stream. */
  goLive() {
    if (!this.ingesting) return this.seek(this.last);
    this.setSpeed(1);
    this.#pacer.go(this.#index.frameAt(this.#index.ptsOf(this.last) - DELAY_MS * 1e6));
    this.live = true;
    this.play();
    this.#changed();
  }

  /** One animation frame. @param {number} now_ms as performance.now() */
  tick(now_ms) {
    if (!this.watchable) return;
    if (this.playing && !this.scrubbing) this.#advance(now_ms);
    this.#paint(now_ms);
    this.#want();
  }

  /** Requests the next frames at once, not at the next animation frame. */
  #want() {
    const mode = this.scrubbing ? "scrubbing" : this.playing ? "playing" : "paused";
    const atEdge = this.playing && this.ingesting && this.#pacer.rate > 0 && !this.marks.any;
    this.#permit.want(atEdge && this.behind_ns < NEAR_NS);
    const follow = atEdge && this.#permit.held;
    const range = { first: this.first, edge: this.#index.count };
    this.#feed.want({ frame: this.frame, mode, rate: this.#pacer.rate, follow, range });
  }

  /** @param {number} now_ms */
  #advance(now_ms) {
    const { low, high } = this.marks.bounds(this.first, this.last);
    const reached = this.#pacer.advance(now_ms, { low, high, loop: this.marks.any, live: this.live });
    if (reached === "end" && this.ingesting) this.#reachEdge();
    else if (reached) this.#stopAt(reached === "end" ? high : low, reached === "end");
  }

  /** Playback that has caught up with a growing stream follows the live edge. */
  #reachEdge() {
    if (this.live || this.speed < 1 || this.marks.any) return;
    this.live = true;
    this.#changed();
  }

  /** @param {number} frame @param {boolean} ended */
  #stopAt(frame, ended) {
    this.#halt();
    this.#pacer.go(frame);
    this.ended = ended;
    this.#changed();
  }

  /** @param {number} now_ms */
  #paint(now_ms) {
    const playing = this.playing && !this.scrubbing && !this.#pacer.held;
    const step = playing ? Math.sign(this.#pacer.rate) * this.#feed.stride : 0;
    const picture = this.#painter.paint(this.frame, this.playing || this.scrubbing, step);
    if (!picture) return;
    this.#pacer.shown(now_ms);
    if (picture.header) this.dispatchEvent(new CustomEvent("painted", { detail: picture.header }));
  }

  /** Pauses at the shown frame. */
  #halt() {
    this.#pacer.pause();
    this.#leaveEdge();
    this.#pacer.go(this.shown >= 0 ? this.shown : this.frame);
  }

  /** @param {number} frame */
  #go(frame) {
    this.#leaveEdge();
    this.ended = false;
    this.#pacer.go(frame);
  }

  /** @param {number} speed */
  #setRate(speed) {
    this.live = false;
    this.speed = speed;
    this.#pacer.setRate(speed);
  }

  #leaveEdge() {
    if (!this.live) return;
    this.live = false;
    this.#pacer.setRate(this.speed);
  }

  /** @param {number | null} first that is still there */
  #gone(first) {
    if (first === null || !this.watchable) return;
    this.#index.first = Math.max(this.#index.first, first);
    if (this.frame >= first) return;
    this.#pacer.go(first);
    this.dispatchEvent(new CustomEvent("expired", { detail: first }));
  }

  #changed() { this.dispatchEvent(new Event("changed")); }

  #moved() {
    this.#changed();
    this.dispatchEvent(new Event("moved"));
  }
}
