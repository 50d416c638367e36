// Draws the frame that is due, or else the nearest frame on the way to it.

import { passedOver } from "./fetch-plan.js";

export class FramePainter {
  #feed;
  #screen;
  /** The frame that is on the screen; -1 before the first. */
  shown = -1;
  /** Frames that were due and not drawn in time. */
  late = 0;

  /** @param {import("./frame-feed.js").FrameFeed} feed @param {import("./frame-canvas.js").FrameCanvas} screen */
  constructor(feed, screen) {
    this.#feed = feed;
    this.#screen = screen;
  }

  /**
   * @param {number} frame that is due
   * @param {boolean} moving whether to show a frame on the way to it
   * @param {number} step signed stride while playing, to count late frames; 0: not playing
   * @returns {import("./frame-feed.js").Picture | null} the frame now shown, if it has changed
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
