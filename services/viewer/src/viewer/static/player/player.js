// The player: a person's wishes in, pictures out, one look at each animation frame.

import { DELAY_MS } from "./edge.js";
import { NONE, bounds, marked } from "./marks.js";
import { Pacer } from "./pacer.js";
import { passedOver } from "./plan.js";
import { nextSpeed } from "./speeds.js";

/** @typedef {import("../common/api.js").Stream} Stream */

/** Dispatches `painted` (detail: header) and `changed` (anything that a control shows). */
export class Player extends EventTarget {
  #feed;
  #index;
  #screen;
  #pacer;
  #shown = -1;
  #scrubbing = false;

  /**
   * @param {Stream} stream @param {import("./feed.js").Feed} feed
   * @param {import("./frameindex.js").FrameIndex} index @param {import("./screen.js").Screen} screen
   */
  constructor(stream, feed, index, screen) {
    super();
    this.#feed = feed;
    this.#index = index;
    this.#screen = screen;
    this.#pacer = new Pacer(feed, index);
    this.stream = stream;
    this.speed = 1;
    this.live = this.ended = false;
    /** @type {import("./marks.js").Marks} */
    this.marks = NONE;
    this.skipped = { late: 0, server: 0 };
    this.update(stream);
    feed.addEventListener("arrived", (event) => this.#arrived(/** @type {CustomEvent} */ (event).detail));
    feed.addEventListener("gone", (event) => this.#gone(/** @type {CustomEvent} */ (event).detail.first_available_frame));
  }

  get playing() { return this.#pacer.playing; }
  /** The frame that is wanted on the screen. */
  get frame() { return this.#pacer.frame; }
  /** The frame that is on the screen; -1 before the first. */
  get shown() { return this.#shown; }
  get first() { return this.#pacer.first; }
  get last() { return this.#pacer.last; }
  get ingesting() { return this.stream.state === "INGESTING"; }
  get watchable() { return this.#index.count > this.stream.first_available_frame; }
  get scrubbing() { return this.#scrubbing; }
  /** Without the picture to go on with. */
  get waiting() { return this.#shown !== this.frame && (this.#pacer.held || !this.playing); }
  get atEdge() { return this.ingesting && this.frame >= this.last; }
  get looping() { return this.marks.in !== null || this.marks.out !== null; }
  /** Media time from the place to the live edge. */
  get behind_ns() { return Math.max(0, this.#index.ptsOf(this.last) - this.#index.ptsOf(this.frame)); }

  /** The stream as the catalogue has it now. @param {Stream} stream */
  update(stream) {
    if (stream.run_id !== this.stream.run_id) {
      this.#index.reset();
      this.#shown = -1;
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
    const { low, high } = bounds(this.marks, this.first, this.last);
    if (this.speed > 0 && this.frame >= high && !this.ingesting) this.#pacer.go(low);
    if (this.speed < 0 && this.frame <= low) this.#pacer.go(high);
    this.ended = false;
    this.#pacer.play();
    this.#changed();
  }

  pause() {
    if (!this.playing) return;
    this.#pacer.pause();
    this.#leaveEdge();
    this.#pacer.go(this.#shown >= 0 ? this.#shown : this.frame);
    this.#changed();
  }

  toggle() { return this.playing ? this.pause() : this.play(); }

  /** Goes to a frame exactly; playing goes on from there. @param {number} frame */
  seek(frame) {
    this.#leaveEdge();
    this.ended = false;
    this.#pacer.go(frame);
    this.#changed();
  }

  /** Goes to the frame of a moment: at once where the index is known, else as near and then exactly. */
  async seekTime(/** @type {number} */ pts_ns) {
    const guess = this.#index.frameAt(pts_ns);
    this.seek(guess);
    const exact = await this.#index.locate(pts_ns);
    if (exact !== guess && this.frame === guess) this.seek(exact);
  }

  /** @param {number} seconds from here, negative back */
  skip(seconds) {
    void this.seekTime(Math.max(0, this.#index.ptsOf(this.frame) + seconds * 1e9));
  }

  /** Pauses, and moves by whole frames. @param {number} frames */
  step(frames) {
    this.pause();
    this.seek(this.frame + frames);
  }

  /** @param {number} speed media seconds a second, negative for reverse */
  setSpeed(speed) {
    this.live = false;
    this.speed = speed;
    this.#pacer.setRate(speed);
    this.#changed();
  }

  /** @param {1 | -1} change to the next quicker or slower speed, keeping the way */
  changeSpeed(change) { this.setSpeed(nextSpeed(this.speed, change)); }
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
    this.#pacer.go(this.#index.frameAt(this.#index.ptsOf(this.last) - DELAY_MS * 1e6));
    this.live = true;
    this.play();
    this.#changed();
  }

  /** Sets a mark at the current frame, or moves it. @param {"in" | "out"} which */
  mark(which) {
    this.marks = marked(this.marks, which, this.frame);
    this.#changed();
  }

  clearMarks() {
    this.marks = NONE;
    this.#changed();
  }

  /** One animation frame. @param {number} now_ms as performance.now() */
  tick(now_ms) {
    if (!this.watchable) return;
    if (this.playing && !this.#scrubbing) this.#advance(now_ms);
    this.#paint(now_ms);
    this.#feed.want({
      frame: this.frame,
      mode: this.#scrubbing ? "scrubbing" : this.playing ? "playing" : "paused",
      rate: this.#pacer.rate,
      follow: this.playing && this.ingesting && this.#pacer.rate > 0 && !this.looping,
      range: { first: this.first, edge: this.#index.count },
    });
  }

  /** @param {number} now_ms */
  #advance(now_ms) {
    const { held } = this.#pacer;
    const { low, high } = bounds(this.marks, this.first, this.last);
    const reached = this.#pacer.advance(now_ms, { low, high, loop: this.looping, live: this.live });
    if (reached === "start") this.#stopAt(low);
    if (reached === "end") this.#reachEnd(high);
    if (held !== this.#pacer.held) this.#changed();
  }

  /** @param {number} last frame to show */
  #reachEnd(last) {
    this.ended = !this.ingesting;
    if (this.ended) return this.#stopAt(last);
    if (this.live || this.speed < 1 || this.looping) return;
    this.live = true;
    this.#changed();
  }

  /** @param {number} frame */
  #stopAt(frame) {
    this.pause();
    this.#pacer.go(frame);
    this.#changed();
  }

  /** @param {number} now_ms */
  #paint(now_ms) {
    if (this.#shown === this.frame) return;
    const moving = this.playing || this.#scrubbing;
    const frame = this.#feed.has(this.frame) ? this.frame : moving ? this.#feed.nearest(this.#shown, this.frame) : null;
    const picture = frame === null ? null : this.#feed.get(frame);
    if (frame === null || !picture) return;
    if (picture.bitmap && picture.header) {
      this.#screen.paint(picture.bitmap, picture.header);
      this.#countLate(frame);
      this.dispatchEvent(new CustomEvent("painted", { detail: picture.header }));
    }
    this.#shown = frame;
    this.#pacer.shown(now_ms);
  }

  /** @param {number} frame about to be shown in the place of #shown */
  #countLate(frame) {
    if (!this.playing || this.#scrubbing || this.#shown < 0 || this.#pacer.held) return;
    this.skipped.late += passedOver(this.#shown, frame, Math.sign(this.#pacer.rate) * this.#feed.stride);
  }

  #leaveEdge() {
    if (!this.live) return;
    this.live = false;
    this.#pacer.setRate(this.speed);
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
    if (this.frame >= first) return;
    this.#pacer.go(first);
    this.dispatchEvent(new CustomEvent("expired", { detail: first }));
  }

  #changed() {
    this.dispatchEvent(new Event("changed"));
  }
}
