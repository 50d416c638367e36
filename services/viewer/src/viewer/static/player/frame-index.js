// When each frame is shown: the stream's index, fetched page by page when needed. A coarse overview
// gives an estimate for all other frames, so every question has an answer at any time.

import { json } from "../common/api.js";

const PAGE_FRAMES = 2048;
const OVERVIEW_POINTS = 1024;

/** @typedef {{pts_ns: number[], sizes: number[], loading: Promise<void> | null}} Page */
/** @typedef {{frame: number, pts_ns: number, size: number}} Sample */

export class FrameIndex {
  /** @type {Map<number, Page>} */
  #pages = new Map();
  /** @type {Sample[]} */
  #overview = [];
  #overview_count = 0;
  #loading_overview = false;
  #url;
  #onchange;

  /**
   * @param {(run_id: string, from: number, count: number, stride: number) => string} url of a part of the index
   * @param {() => void} onchange called when more is known
   */
  constructor(url, onchange) {
    this.#url = url;
    this.#onchange = onchange;
    this.run_id = "";
    this.first = 0;
    this.count = 0;
    this.fps = 25;
    /** When the last committed frame stops being shown. */
    this.end_ns = 0;
  }

  /** Takes the stream's current catalogue entry. @param {import("../common/api.js").Stream} stream */
  update({ run_id, first_available_frame, frame_count, duration_ns, fps }) {
    this.run_id = run_id;
    this.first = Math.min(first_available_frame, Math.max(0, frame_count - 1));
    this.count = Math.max(this.count, frame_count);
    this.end_ns = Math.max(this.end_ns, duration_ns);
    this.fps = fps || this.fps;
    if (this.count > this.#overview_count * 1.1) void this.#loadOverview();
  }

  /** A new run replaces every frame: forget all. */
  reset() {
    this.#pages.clear();
    this.#overview = [];
    this.#overview_count = this.count = this.end_ns = 0;
  }

  /** Adds one received frame. @param {number} frame @param {number} pts_ns @param {number} size */
  note(frame, pts_ns, size) {
    const page = this.#page(frame);
    const at = frame % PAGE_FRAMES;
    page.pts_ns[at] = pts_ns;
    page.sizes[at] = size;
    if (frame < this.count) return;
    this.count = frame + 1;
    this.end_ns = Math.max(this.end_ns, pts_ns + 1e9 / this.fps);
  }

  /** Whether the times around a frame are known exactly; if not, they are fetched. @param {number} frame */
  ready(frame) {
    const known = this.#knows(frame) && (frame + 1 >= this.count || this.#knows(frame + 1));
    if (!known) {
      void this.#loadPage(frame);
      if (frame + 1 < this.count) void this.#loadPage(frame + 1);
    }
    return known;
  }

  /** @param {number} frame @returns {number} when it is shown, in nanoseconds; a guess unless ready(frame) */
  ptsOf(frame) {
    const exact = this.#pages.get(Math.floor(frame / PAGE_FRAMES))?.pts_ns[frame % PAGE_FRAMES];
    if (exact !== undefined) return exact;
    const after = this.#overview.findIndex((sample) => sample.frame > frame);
    const low = after > 0 ? this.#overview[after - 1] : this.#overview.at(after);
    if (!low) return (frame * 1e9) / this.fps;
    const high = after > 0 ? this.#overview[after] : { frame: this.count, pts_ns: this.end_ns };
    const share = high.frame > low.frame ? (frame - low.frame) / (high.frame - low.frame) : 0;
    return low.pts_ns + share * (high.pts_ns - low.pts_ns);
  }

  /** @param {number} pts_ns @returns {number} the frame shown then, among those still there */
  frameAt(pts_ns) {
    let low = this.first;
    let high = Math.max(low, this.count - 1);
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.ptsOf(middle) <= pts_ns) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The frame shown at a moment, once the index there is known. @param {number} pts_ns */
  async locate(pts_ns) {
    let frame = this.frameAt(pts_ns);
    for (let tries = 0; tries < 3 && !this.ready(frame); tries += 1) {
      await Promise.all([this.#loadPage(frame), this.#loadPage(Math.min(frame + 1, this.count - 1))]);
      frame = this.frameAt(pts_ns);
    }
    return frame;
  }

  /** When a frame stops being shown. @param {number} frame */
  endOf(frame) {
    return frame + 1 < this.count ? this.ptsOf(frame + 1) : this.end_ns;
  }

  /**
   * Sizes of the images between two moments: exact for a short range, else from the overview.
   * @param {number} start_ns @param {number} end_ns @returns {Sample[]}
   */
  samples(start_ns, end_ns) {
    const from = this.frameAt(start_ns);
    const to = this.frameAt(end_ns);
    const coarse = this.#overview.filter(({ frame }) => frame >= from && frame <= to);
    if (to - from > PAGE_FRAMES || coarse.length > to - from) return coarse;
    if (!this.#knows(from) || !this.#knows(to)) {
      void this.#loadPage(from);
      void this.#loadPage(to);
      return coarse;
    }
    const exact = [];
    for (let frame = from; frame <= to; frame += 1) {
      const size = this.#page(frame).sizes[frame % PAGE_FRAMES];
      if (size !== undefined) exact.push({ frame, pts_ns: this.ptsOf(frame), size });
    }
    return exact;
  }

  /** Bytes of the images of a range of frames, both ends included; estimated for a long range. @param {number} from @param {number} to */
  bytesOf(from, to) {
    const known = this.samples(this.ptsOf(from), this.ptsOf(to));
    const sum = known.reduce((bytes, { size }) => bytes + size, 0);
    return known.length ? Math.round((sum / known.length) * (to - from + 1)) : 0;
  }

  /** @param {number} frame */
  #knows(frame) {
    return this.#pages.get(Math.floor(frame / PAGE_FRAMES))?.pts_ns[frame % PAGE_FRAMES] !== undefined;
  }

  /** @param {number} frame @returns {Page} */
  #page(frame) {
    const number = Math.floor(frame / PAGE_FRAMES);
    let page = this.#pages.get(number);
    if (!page) this.#pages.set(number, (page = { pts_ns: [], sizes: [], loading: null }));
    return page;
  }

  /** @param {number} frame @returns {Promise<void>} */
  #loadPage(frame) {
    const page = this.#page(frame);
    if (this.#knows(frame)) return Promise.resolve();
    page.loading ??= this.#fillPage(page, frame - (frame % PAGE_FRAMES)).finally(() => {
      // Request what is missing again, after a pause.
      setTimeout(() => (page.loading = null), 500);
    });
    return page.loading;
  }

  /** @param {Page} page @param {number} start its first frame */
  async #fillPage(page, start) {
    const from = Math.max(start, this.first);
    try {
      // Request existing frames only: caches must not keep a part that may grow.
      const stop = Math.min(start + PAGE_FRAMES, this.count);
      const part = await json(this.#url(this.run_id, from, Math.max(1, stop - from), 1));
      if (part.run_id !== this.run_id) return;
      part.frames.forEach((/** @type {[number, number]} */ [pts_ns, size], /** @type {number} */ i) => {
        page.pts_ns[part.from + i - start] = pts_ns;
        page.sizes[part.from + i - start] = size;
      });
      this.#onchange();
    } catch {
      // A later question requests it again.
    }
  }

  async #loadOverview() {
    if (this.#loading_overview) return;
    this.#loading_overview = true;
    const count = this.count;
    const stride = Math.max(1, Math.ceil((count - this.first) / OVERVIEW_POINTS));
    try {
      const points = Math.max(1, Math.ceil((count - this.first) / stride));
      const part = await json(this.#url(this.run_id, this.first, points, stride));
      if (part.run_id !== this.run_id) throw new Error("of another run");
      this.#overview = part.frames.map((/** @type {[number, number]} */ [pts_ns, size], /** @type {number} */ i) => (
        { frame: part.from + i * stride, pts_ns, size }));
      this.#overview_count = count;
      this.#onchange();
      this.#loading_overview = false;
    } catch {
      setTimeout(() => (this.#loading_overview = false), 2000);
    }
  }
}
