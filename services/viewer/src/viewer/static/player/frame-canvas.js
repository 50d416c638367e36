// The canvas: draws one frame at a time in its true aspect ratio, and names it.

export class FrameCanvas {
  #canvas;
  #context;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
  }

  /** @param {string} ratio a pixel's W:H */
  set sampleAspectRatio(ratio) {
    const [width, height] = (ratio || "1:1").split(":").map(Number);
    this.pixel_shape = width > 0 && height > 0 ? width / height : 1;
    this.#shape();
  }

  /**
   * Draws a frame, and sets the canvas's `data-frame` and `data-pts-ns`.
   * @param {ImageBitmap} bitmap @param {import("./frame-records.js").FrameHeader} header
   */
  paint(bitmap, header) {
    const canvas = this.#canvas;
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
      this.#shape();
    }
    this.#context.drawImage(bitmap, 0, 0);
    canvas.dataset.frame = String(header.frame);
    canvas.dataset.ptsNs = String(header.pts_ns);
  }

  /** Sets the aspect ratio for the style sheet. */
  #shape() {
    const ratio = (this.#canvas.width / this.#canvas.height) * (this.pixel_shape ?? 1);
    this.#canvas.style.setProperty("--ratio", String(ratio));
  }
}
