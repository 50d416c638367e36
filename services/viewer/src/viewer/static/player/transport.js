// What every deck can do, said in terms of the little that each does in its own way.

import { nextSpeed } from "./playback-speeds.js";

/** A deck: subclasses know how to play, to pause, to set a speed, and to go to a moment. */
export class Transport extends EventTarget {
  /** Media seconds a second; negative for reverse. */
  speed = 1;

  get playing() { return false; }
  /** The media time of the place. */
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
  /** @param {number} seconds from here, negative back */
  skip(seconds) { void this.seekTime(Math.max(0, this.place_ns + seconds * 1e9)); }
  /** @param {1 | -1} change to the next quicker or slower speed, keeping the way */
  changeSpeed(change) { this.setSpeed(nextSpeed(this.speed, change)); }
  reverse() { this.setSpeed(-this.speed); }
}
