// Playback commands common to the player and the grid.

import { nextSpeed } from "./playback-speeds.js";

/** Subclasses implement play, pause, setSpeed and seekTime. */
export class Transport extends EventTarget {
  /** Media seconds per second; negative for reverse. */
  speed = 1;

  get playing() { return false; }
  /** The media time of the current position. */
  get place_ns() { return 0; }
  play() {}
  pause() {}
  /** @param {number} _speed */
  setSpeed(_speed) {}
  /** @param {number} _pts_ns */
  async seekTime(_pts_ns) {}
  /** @param {number} _frames */
  step(_frames) {}

  toggle() { return this.playing ? this.pause() : this.play(); }
  /** @param {number} seconds from the current position; negative is back */
  skip(seconds) { void this.seekTime(Math.max(0, this.place_ns + seconds * 1e9)); }
  /** @param {1 | -1} change to the next faster or slower speed in the same direction */
  changeSpeed(change) { this.setSpeed(nextSpeed(this.speed, change)); }
  reverse() { this.setSpeed(-this.speed); }
}
