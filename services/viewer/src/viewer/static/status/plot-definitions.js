// The plots: their titles, series and number formats.

import * as format from "../common/format.js";
import { status as words } from "../common/messages.js";

/**
 * @typedef {object} PlotKind
 * @property {string} title
 * @property {{key: string, label: string}[]} series
 * @property {(value: number) => string} write
 * @property {string} quiet the text if there is no data
 * @property {boolean} [asks_ingest] whether ingest measures it
 * @property {string} [top] the series that gives the scale's end
 */

/** @param {number} value */
const number = (value) => format.count(Number(value.toFixed(value < 10 ? 1 : 0)));
/** @param {number} value */
const seconds = (value) => format.span(value * 1e9);

/** @type {PlotKind[]} */
export const plots = [
  {
    title: "Frames per second",
    series: [
      { key: "frames_committed_per_second", label: "committed" },
      { key: "frames_delivered_per_second", label: "delivered" },
    ],
    write: number,
    quiet: words.quiet.frames,
  },
  { title: "Viewers", series: [{ key: "watchers", label: "now" }], write: number, quiet: words.quiet.watchers },
  {
    title: "Live latency, capture to send",
    series: [
      { key: "live_latency_p50_seconds", label: "median" },
      { key: "live_latency_p99_seconds", label: "99th percentile" },
    ],
    write: seconds,
    quiet: words.quiet.live,
  },
  { title: "Time to answer for a single frame", series: [{ key: "seek_p99_seconds", label: "99th percentile" }], write: seconds, quiet: words.quiet.seeks },
  {
    title: "Time to commit a batch",
    series: [
      { key: "commit_p50_seconds", label: "median" },
      { key: "commit_p99_seconds", label: "99th percentile" },
    ],
    write: seconds,
    quiet: words.quiet.commits,
    asks_ingest: true,
  },
  { title: "Files waiting", series: [{ key: "files_waiting", label: "now" }], write: number, quiet: "", asks_ingest: true },
  { title: "Frames skipped or expired", series: [{ key: "frames_skipped_per_second", label: "per second" }], write: number, quiet: "" },
  { title: "Catalogue lag", series: [{ key: "catalogue_lag_seconds", label: "now" }], write: seconds, quiet: "" },
  {
    title: "Disk free for videos",
    series: [{ key: "disk_free_bytes", label: "now" }],
    write: format.bytes,
    quiet: "",
    asks_ingest: true,
    top: "disk_size_bytes",
  },
];
