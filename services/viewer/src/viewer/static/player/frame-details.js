// Details of the shown frame: its place in Kafka, and the time of each step.

import * as format from "../common/format.js";

/** @typedef {import("./frame-records.js").FrameHeader} FrameHeader */

const DAY_MS = 86_400_000;

/** @param {number} from_ms @param {number} to_ms */
const step = (from_ms, to_ms) =>
  to_ms - from_ms > DAY_MS ? new Date(to_ms).toLocaleString() : `+ ${format.span((to_ms - from_ms) * 1e6)}`;

/**
 * @param {FrameHeader} header @param {number} painted_ms wall clock
 * @param {string} topic @param {import("./player.js").Player} player
 * @param {string} kept_until
 * @returns {[string, string][]} names and values, in order
 */
export function rows(header, painted_ms, topic, player, kept_until) {
  const captured_ms = header.captured_at_us / 1000;
  const ingested_ms = header.ingested_at_us / 1000;
  const { stream, report } = player;
  return [
    ["Stream", stream.stream_id],
    ["Run", stream.run_id],
    ["Topic", topic],
    ["Partition", String(header.partition)],
    ["Offset", format.count(header.offset)],
    ["Schema id", String(header.schema_id)],
    ["Frame", format.count(header.frame) + (header.is_last ? " (last)" : "")],
    ["Time (pts)", `${format.count(header.pts_ns)} ns`],
    ["Duration", `${(header.duration_ns / 1e6).toFixed(2)} ms`],
    ["Image", `${header.width} × ${header.height}, ${header.mime_type.replace("image/", "").toUpperCase()}`],
    ["Size", format.bytes(header.image_bytes)],
    ["Video", [stream.codec, stream.container].filter(Boolean).join(" in ")],
    ["Captured", new Date(captured_ms).toLocaleString()],
    ["Ingested after", step(captured_ms, ingested_ms)],
    ["Committed after", step(ingested_ms, header.committed_at_ms)],
    ["Painted after", step(header.committed_at_ms, painted_ms)],
    ...(kept_until ? /** @type {[string, string][]} */ ([["Kept until", kept_until]]) : []),
    ["Playback lag", format.span(report.lag_ns)],
    ...(player.ingesting ? /** @type {[string, string][]} */ ([["Behind the live edge", format.span(player.behind_ns)]]) : []),
    ["Stride", report.stride === 1 ? "every frame" : `every ${report.stride} frames, to keep up`],
    ["Skipped by the server", `${format.count(report.left_out)} frames`],
    ["Dropped while playing", `${format.count(report.late)} frames`],
  ];
}

export class Details {
  #panel;
  #list;
  #player;
  #retention;
  #topicUrl;
  #topic = "";
  /** @type {{header: FrameHeader, painted_ms: number} | null} */
  #last = null;

  /**
   * @param {HTMLElement} panel with a dl @param {import("./player.js").Player} player
   * @param {import("./retention.js").Retention} retention
   * @param {(frame: number) => string} frameUrl a URL whose headers name the topic
   */
  constructor(panel, player, retention, frameUrl) {
    this.#panel = panel;
    this.#list = /** @type {HTMLElement} */ (panel.querySelector("dl"));
    this.#player = player;
    this.#retention = retention;
    this.#topicUrl = frameUrl;
    player.addEventListener("painted", (event) => {
      this.#last = { header: /** @type {CustomEvent} */ (event).detail, painted_ms: Date.now() };
      if (!panel.hidden) this.#render();
    });
  }

  toggle() {
    this.#panel.hidden = !this.#panel.hidden;
    if (!this.#panel.hidden) this.#render();
    return !this.#panel.hidden;
  }

  #render() {
    if (!this.#last) return;
    const { header, painted_ms } = this.#last;
    if (!this.#topic) void this.#askTopic(header.frame);
    const values = rows(header, painted_ms, this.#topic, this.#player, this.#retention.until(header.committed_at_ms));
    if (this.#list.children.length !== values.length * 2) {
      this.#list.replaceChildren(...values.flatMap(([name]) => {
        const term = document.createElement("dt");
        term.textContent = name;
        return [term, document.createElement("dd")];
      }));
    }
    values.forEach(([, value], i) => {
      const cell = this.#list.children[i * 2 + 1];
      if (cell.textContent !== value) cell.textContent = value;
    });
  }

  /** @param {number} frame */
  async #askTopic(frame) {
    this.#topic = "…";
    const response = await fetch(this.#topicUrl(frame), { method: "HEAD" }).catch(() => null);
    this.#topic = response?.headers.get("X-Kafka-Topic") ?? "";
    if (this.#topic) this.#render();
  }
}
