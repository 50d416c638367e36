// The timeline: a slider over the stream or a part of it, with previews at the pointer.

import * as format from "../common/format.js";
import { latest, showPicture } from "../common/latest-call.js";
import * as words from "../common/messages.js";
import { listenToGestures } from "./timeline-gestures.js";
import * as scale from "./timeline-scale.js";
import { draw } from "./timeline-drawing.js";

const LEAST_FRAMES = 12;

/** @param {HTMLElement} element @param {number} share of the timeline; not seen outside of it */
function put(element, share) {
  element.style.left = `${share * 100}%`;
  element.hidden = share < 0 || share > 1;
}

export class Timeline {
  #player;
  #index;
  #element;
  #strip;
  #head;
  #edge;
  #preview;
  #frameUrl;
  /** @type {import("./timeline-scale.js").View | null} null: the whole stream */
  #view = null;
  #dirty = true;
  #showPicture;

  /**
   * @param {HTMLElement} element with a canvas, a .head, an .edge and a .preview (img and output)
   * @param {import("./player.js").Player} player @param {import("./frame-index.js").FrameIndex} index
   * @param {(frame: number) => string} frameUrl
   */
  constructor(element, player, index, frameUrl) {
    this.#element = element;
    this.#player = player;
    this.#index = index;
    this.#frameUrl = frameUrl;
    this.#strip = /** @type {HTMLCanvasElement} */ (element.querySelector("canvas"));
    this.#head = /** @type {HTMLElement} */ (element.querySelector(".head"));
    this.#edge = /** @type {HTMLElement} */ (element.querySelector(".edge"));
    this.#preview = /** @type {HTMLElement} */ (element.querySelector(".preview"));
    const image = /** @type {HTMLImageElement} */ (this.#preview.querySelector("img"));
    this.#showPicture = latest((/** @type {string} */ url) => showPicture(image, url));
    player.addEventListener("painted", () => this.redraw());
    player.addEventListener("changed", () => this.redraw());
    new ResizeObserver(() => this.redraw()).observe(element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
    this.#listen();
  }

  redraw() {
    this.#dirty = true;
  }

  /** @param {number} factor below 1 zooms in @param {number} [around_ns] the place, unless given */
  zoom(factor, around_ns = this.#place_ns) {
    const least_ns = (LEAST_FRAMES * 1e9) / this.#index.fps;
    const view = scale.zoomed(this.#shown, factor, around_ns, least_ns, this.#total_ns);
    this.#view = view.end_ns - view.start_ns >= this.#total_ns ? null : view;
    this.redraw();
  }

  /** The whole stream. */
  fit() {
    this.#view = null;
    this.redraw();
  }

  /** One animation frame. */
  tick() {
    if (!this.#dirty) return;
    this.#dirty = false;
    const { playing, scrubbing, marks, first, frame, last } = this.#player;
    if (this.#view && playing && !scrubbing) this.#view = scale.showing(this.#view, this.#place_ns, this.#total_ns);
    const view = this.#shown;
    draw(this.#strip, {
      view,
      samples: this.#index.samples(view.start_ns, view.end_ns),
      expired_ns: first > 0 ? this.#index.ptsOf(first) : 0,
      end_ns: this.#index.end_ns,
      place_ns: this.#place_ns,
      loop: marks.any ? { start_ns: this.#index.ptsOf(marks.in ?? first), end_ns: this.#index.endOf(marks.out ?? last) } : null,
    });
    put(this.#head, scale.shareOf(view, this.#place_ns));
    put(this.#edge, scale.shareOf(view, first > 0 ? this.#index.ptsOf(first) : 0));
    this.#describe(first, frame, last);
  }

  /** @param {number} first @param {number} frame @param {number} last */
  #describe(first, frame, last) {
    const element = this.#element;
    element.setAttribute("aria-valuemin", String(first));
    element.setAttribute("aria-valuemax", String(last));
    element.setAttribute("aria-valuenow", String(frame));
    element.setAttribute("aria-valuetext", words.player.position(format.time(this.#place_ns, { exact: true }), frame));
  }

  get #place_ns() {
    return this.#index.ptsOf(this.#player.frame);
  }

  /** The stream's length; while it grows, at least the length that its container states. */
  get #total_ns() {
    const { estimated_frame_count, state } = this.#player.stream;
    const promised = state === "INGESTING" ? ((estimated_frame_count ?? 0) * 1e9) / this.#index.fps : 0;
    return Math.max(this.#index.end_ns, promised, 1e6);
  }

  get #shown() {
    return this.#view ?? { start_ns: 0, end_ns: this.#total_ns };
  }

  /** @param {number} x in pixels of the page */
  #ptsUnder(x) {
    const box = this.#strip.getBoundingClientRect();
    return scale.ptsAtShare(this.#shown, Math.max(0, Math.min(1, (x - box.left) / box.width)));
  }

  #listen() {
    const scrub = (/** @type {number} */ x) => this.#player.scrub(this.#index.frameAt(this.#ptsUnder(x)));
    listenToGestures(this.#element, {
      drag: scrub,
      release: () => {
        this.#player.endScrub();
        this.#preview.hidden = true;
      },
      hover: (x) => this.#hover(x),
      leave: () => { this.#preview.hidden = true; },
      zoom: (factor, x) => this.zoom(factor, this.#ptsUnder(x)),
      pan: (pixels) => {
        const { start_ns, end_ns } = this.#shown;
        const shift_ns = (pixels / this.#element.clientWidth) * (end_ns - start_ns);
        if (this.#view) this.#view = scale.panned(this.#view, shift_ns, this.#total_ns);
        this.redraw();
      },
    });
  }

  /** Shows a preview of the moment under the pointer. @param {number} x in pixels of the page */
  #hover(x) {
    if (!this.#player.watchable) return;
    const pts_ns = this.#ptsUnder(x);
    const frame = this.#index.frameAt(pts_ns);
    const label = /** @type {HTMLElement} */ (this.#preview.querySelector("output"));
    label.textContent = words.player.position(format.time(this.#index.ptsOf(frame), { exact: true }), frame);
    this.#preview.hidden = false;
    const box = this.#element.getBoundingClientRect();
    const half = this.#preview.offsetWidth / 2;
    const left = Math.max(half, Math.min(box.width - half, x - box.left));
    this.#preview.style.left = `${left}px`;
    this.#showPicture(this.#frameUrl(frame));
  }
}
