// Plays several streams in sync: one clock, and each shows its own frame of the same moment.

import * as clocks from "../player/media-clock.js";
import { Transport } from "../player/transport.js";

/** A frame that is later than this stops the clock for all, so that they stay in sync. */
const LATE_MS = 250;
const ASLEEP_MS = 1000;
/** If playback followed the live edge and is farther behind than this, it jumps, */
const LOST_NS = 3e9;
/** to this far behind the edge, so that the next frames arrive in time. */
const DELAY_NS = 0.5e9;

/** Dispatches `changed` after a command, and `ticked` for each animation frame. */
export class GridPlayer extends Transport {
  #clock = clocks.at(0);
  #scrubbing = false;
  /** Whether playback has reached the end of growing streams. */
  #following = false;
  #fresh_ms = 0;
  #looked_ms = 0;
  /** @type {import("./tile.js").Tile[]} */
  #tiles;

  /** @param {import("./tile.js").Tile[]} tiles */
  constructor(tiles) {
    super();
    this.#tiles = tiles;
  }

  get playing() { return this.#clock.playing; }
  get held() { return this.#clock.held; }
  get place_ns() { return clocks.ptsAt(this.#clock, performance.now()); }
  /** The longest stream's end. */
  get end_ns() { return Math.max(0, ...this.#tiles.map(({ end_ns }) => end_ns)); }
  /** Whether a stream still grows. */
  get growing() { return this.#tiles.some(({ growing }) => growing); }
  /** The shortest frame duration of all streams: a step by it skips no frame. */
  get #frame_ns() { return Math.min(...this.#tiles.map(({ frame_ns }) => frame_ns)); }

  play() {
    const now_ms = performance.now();
    const place_ns = this.place_ns;
    if (this.speed > 0 && place_ns >= this.end_ns - 1 && !this.growing) this.#go(0);
    if (this.speed < 0 && place_ns <= 0) this.#go(this.end_ns - 1);
    this.#clock = clocks.setHeld(clocks.play(this.#clock, now_ms), now_ms, true);
    this.#changed();
  }

  pause() {
    this.#following = false;
    this.#clock = clocks.pause(this.#clock, performance.now());
    this.#changed();
  }

  /** @param {number} speed */
  setSpeed(speed) {
    this.speed = speed;
    this.#following = false;
    this.#clock = clocks.setRate(this.#clock, performance.now(), speed);
    this.#changed();
  }

  /** @param {number} pts_ns */
  async seekTime(pts_ns) {
    this.#following = false;
    this.#go(pts_ns);
    this.#changed();
  }

  /** Pauses and moves by single frames. @param {number} frames */
  step(frames) {
    this.pause();
    void this.seekTime(this.place_ns + frames * this.#frame_ns);
  }

  /** Seeks while the pointer moves; playback waits until endScrub(). @param {number} pts_ns */
  scrub(pts_ns) {
    this.#scrubbing = true;
    void this.seekTime(pts_ns);
  }

  endScrub() {
    this.#scrubbing = false;
  }

  /** One animation frame. @param {number} now_ms as performance.now() */
  tick(now_ms) {
    if (!this.end_ns) return;
    // Time during which the page was hidden is not played.
    if (now_ms - this.#looked_ms > ASLEEP_MS) this.#go(clocks.ptsAt(this.#clock, this.#looked_ms));
    this.#looked_ms = now_ms;
    const high_ns = this.end_ns - 1;
    const { clock, reached } = clocks.within(this.#clock, now_ms, { low_ns: 0, high_ns, loop: false });
    this.#clock = clock;
    if (reached && this.playing && (reached === "end") === (this.speed > 0)) this.#reach(reached);
    if (this.#following && this.end_ns - this.place_ns > LOST_NS) this.#go(this.end_ns - DELAY_NS);
    this.#show(now_ms);
    this.dispatchEvent(new Event("ticked"));
  }

  /** Stops at an end, except at the end of a growing stream. @param {"start" | "end"} end */
  #reach(end) {
    if (end === "end" && this.growing) this.#following = true;
    else this.pause();
  }

  /** @param {number} now_ms */
  #show(now_ms) {
    const pts_ns = clocks.ptsAt(this.#clock, now_ms);
    const mode = this.#scrubbing ? "scrubbing" : this.playing ? "playing" : "paused";
    const there = this.#tiles.map((tile) => tile.show(pts_ns, this.speed, mode, now_ms)).every(Boolean);
    if (there) this.#fresh_ms = now_ms;
    if (!this.playing) return;
    const held = this.#scrubbing || (this.held ? !there : now_ms - this.#fresh_ms > LATE_MS);
    this.#clock = clocks.setHeld(this.#clock, now_ms, held);
  }

  /** @param {number} pts_ns */
  #go(pts_ns) {
    const now_ms = performance.now();
    const place_ns = Math.max(0, Math.min(pts_ns, Math.max(0, this.end_ns - 1)));
    this.#clock = clocks.setHeld(clocks.seek(this.#clock, now_ms, place_ns), now_ms, this.playing);
  }

  #changed() {
    this.dispatchEvent(new Event("changed"));
  }
}
