// Puts the picture that is due on the screen, or else the nearest on the way to it.

import { passedOver } from "./fetch-plan.js";

export class FramePainter {
  #feed;
  #screen;
  /** The frame that is on the screen; -1 before the first. */
  shown = -1;
  /** Frames that were due while playing and were not drawn in time. */
  late = 0;

  /** @param {import("./frame-feed.js").FrameFeed} feed @param {import("./frame-canvas.js").FrameCanvas} screen */
  constructor(feed, screen) {
    this.#feed = feed;
    this.#screen = screen;
  }

  /**
   * @param {number} frame that is due
   * @param {boolean} moving whether a picture on the way to it is better than none
   * @param {number} step signed stride of playing, by which late frames are counted; 0: not playing
   * @returns {import("./frame-feed.js").Picture | null} what is now shown, when that has changed
   */
  paint(frame, moving, step) {
    if (this.shown === frame) return null;
    const chosen = this.#feed.has(frame) ? frame : moving ? this.#feed.nearest(this.shown, frame) : null;
    const picture = chosen === null ? null : this.#feed.get(chosen);
    if (chosen === null || !picture) return null;
    if (picture.bitmap && picture.header) {
      this.#screen.paint(picture.bitmap, picture.header);
      if (step && this.shown >= 0) this.late += passedOver(this.shown, chosen, step);
    }
    this.shown = chosen;
    return picture;
  }
}
