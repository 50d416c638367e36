// All text that the pages show, in one place. An error says what happened, then what to do.

import * as format from "./format.js";

/** @typedef {import("./api.js").Stream} Stream */

export const states = {
  INGESTING: "Ingesting",
  COMPLETE: "Complete",
  TRUNCATED: "Truncated",
  FAILED: "Failed",
};

export const catalogue = {
  loading: "Reading the catalogue…",
  empty: ["No streams yet", "Put a video into videos/incoming/. It appears here automatically."],
  noMatch: (/** @type {string} */ query) => [`Nothing matches “${query}”`, "The search covers names and stream ids."],
  count: (/** @type {number} */ shown, /** @type {number} */ all) =>
    shown === all ? `${format.count(all)} ${all === 1 ? "stream" : "streams"}`
      : `${format.count(shown)} of ${format.count(all)} streams`,
};

export const away = "The server cannot be reached. The page is retrying; you need not do anything.";
export const logAway = (/** @type {string[]} */ sentences) =>
  `${sentences.join(" ")} Streams in the catalogue remain watchable. You need not do anything.`;
export const noReason = "No reason was recorded.";

export const exporting = {
  noMarks: "No marks set. Press i and o to set them",
  part: (/** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ length_ns) =>
    `Frames ${format.count(from)} to ${format.count(to)}, ${format.span(length_ns)}`,
  size: (/** @type {number} */ bytes) => `About ${format.bytes(bytes)}.`,
  progress: (/** @type {number} */ received, /** @type {number} */ total) => `${format.bytes(received)} of ${format.bytes(total)}`,
  done: (/** @type {string} */ name) => `Saved as ${name}.`,
  handedOver: "The browser is downloading the clip.",
  cancelled: "Export cancelled. No file was saved.",
  missing: "The server cannot export this part of the stream.",
  expired: (/** @type {number | null} */ first) =>
    `The first frames of this part have expired. ${first === null ? "Move the start mark forward" : `Start at frame ${format.count(first)}`} and export again.`,
  busy: (/** @type {number} */ seconds) => `The server has no free stream. Try again in ${format.span(seconds * 1e9)}.`,
  away: "The connection was lost before the export was complete. No file was saved. Export again.",
  unwritable: (/** @type {string} */ reason) => `The file cannot be written: ${reason}`,
};

export const grid = {
  title: (/** @type {number} */ count) => (count === 1 ? "One stream" : `${count} streams in sync`),
  picture: (/** @type {string} */ name) => `The current frame of ${name}`,
  unknown: "This stream does not exist. It may have been removed.",
  paused: (/** @type {string} */ time) => `Paused at ${time}`,
  chosen: (/** @type {number} */ count, /** @type {number} */ most) =>
    `${count} selected${count === most ? ", the maximum" : ""}`,
  choose: (/** @type {string} */ name) => `Select ${name} for the grid`,
};

export const room = {
  youLead: "you lead",
  leads: (/** @type {string} */ who) => `${who} leads`,
  away: "cannot be reached, retrying",
  title: (/** @type {string} */ name, /** @type {string} */ me) => `Room ${name}: all members share one playback position. Your name is ${me}.`,
  copied: "Link copied. Send it to the people who should join.",
  elsewhere: (/** @type {string} */ stream_id) => `This room is watching another stream: ${stream_id}.`,
};

export const retention = {
  left: (/** @type {number} */ ns) => (ns > 0 ? `${format.span(ns)} left` : "Expires now"),
  until: (/** @type {number | null} */ ms, /** @type {number | null} */ bytes) => {
    const bound = bytes === null ? "" : `the partition exceeds ${format.bytes(bytes)}`;
    if (ms === null) return bound ? `Until ${bound}` : "No limit";
    return `${new Date(ms).toLocaleString()}${bound ? `, or ${bound}` : ""}`;
  },
};

export const status = {
  names: { viewer: "Viewer", ingest: "Ingest", kafka: "Kafka", registry: "Schema registry" },
  states: { ready: "Ready", waiting: "Waiting", away: "Unavailable", unasked: "Not monitored" },
  headline: (/** @type {import("../status/page.js").Service[]} */ services) => {
    const troubled = services.filter(({ state }) => state === "away" || state === "waiting");
    if (!troubled.length) return "All monitored services are ready.";
    return `Not ready: ${troubled.map(({ name }) => status.names[name]).join(", ")}.`;
  },
  quiet: {
    frames: "No frames committed or delivered",
    watchers: "No viewers",
    live: "No live viewers",
    seeks: "No requests for single frames",
    commits: "No commits",
  },
  /** Why a plot is empty. */
  nothing: (/** @type {import("../status/page.js").Status} */ { services, times_ms }, /** @type {import("../status/plot-definitions.js").PlotKind} */ kind) => {
    const ingest = services.filter(({ name }) => name === "ingest");
    if (times_ms.length < 2) return "The first values appear in a few seconds.";
    if (kind.asks_ingest && ingest.every(({ state }) => state === "unasked")) return "Ingest measures this. Set FRAMELOG_VIEWER_INGEST_URLS to show it.";
    if (kind.asks_ingest && ingest.every(({ state }) => state === "away")) return "Ingest measures this and cannot be reached.";
    return kind.quiet || "No data";
  },
  minute: "Maximum of each minute",
  summary: (/** @type {string} */ label, /** @type {string | null} */ now, /** @type {string | null} */ high) =>
    high === null ? `${label}: no data` : `${label}: now ${now ?? "no data"}, maximum ${high}`,
  clock: (/** @type {number} */ at_ms, seconds = true) =>
    new Date(at_ms).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", ...(seconds && { second: "2-digit" }) }),
  fileStates: { waiting: "Waiting", failed: "Failed" },
  files: (/** @type {import("../status/page.js").Files | null} */ files) => {
    if (!files) return "No ingest service reports its files.";
    const { waiting, ingesting, failed, done } = files.totals;
    const all = `${format.count(waiting)} in incoming, ${format.count(ingesting)} being ingested, ${format.count(failed)} failed, ${format.count(done)} done.`;
    return files.paused ? `${all} Intake is paused: ingest starts no new file.` : all;
  },
  skipped: (/** @type {import("../status/page.js").Skipped} */ { topic, count, sentence, first_partition, first_offset }) =>
    `${topic}: ${count === 1 ? "1 record" : `${format.count(count)} records`} skipped. ${sentence} ` +
    `First skipped record: partition ${first_partition}, offset ${first_offset}.`,
  noTopics: (/** @type {unknown[] | null} */ topics) =>
    topics ? "The topics do not exist yet. The setup step creates them." : "Kafka has not answered yet.",
  kept: (/** @type {import("../status/page.js").Topic} */ { cleanup_policy, retention_ms, retention_bytes }) => {
    if (!cleanup_policy.includes("delete")) return "the latest record of each key, no time limit";
    const bounds = [
      retention_ms !== null && format.span(retention_ms * 1e6),
      retention_bytes !== null && `${format.bytes(retention_bytes)} a partition`,
    ].filter(Boolean);
    const kept = bounds.length ? `at most ${bounds.join(" and ")}` : "for good";
    return cleanup_policy.includes("compact") ? `the latest record of each key, ${kept}` : kept;
  },
};

export const player = {
  loading: "Loading…",
  waiting: "Waiting for the next frames…",
  buffering: "Loading frames…",
  nothingYet: "Ingest has started. The first frame is not committed yet.",
  unknown: "This stream does not exist. It may have been removed. The list shows all streams.",
  failed: (/** @type {string | null} */ reason) =>
    `This video could not be ingested: ${reason || noReason} Repair the file and put it into videos/incoming/ again.`,
  truncated: (/** @type {string | null} */ reason) => `This stream ends early: ${reason || noReason}`,
  allExpired: "All frames of this stream have expired. To watch it, put the video into videos/incoming/ again.",
  expired: (/** @type {number} */ frame) =>
    `These frames have expired. Moved to frame ${format.count(frame)}, the earliest available.`,
  unreadable: (/** @type {number} */ frame) => `Frame ${format.count(frame)} cannot be shown: its image cannot be decoded.`,
  missing: (/** @type {number} */ frame) => `Frame ${format.count(frame)} did not arrive. Retrying.`,
  ended: "End of the stream. Press play to start from the beginning.",
  busy: "The server has no free stream. Retrying.",
  badTime: "Enter a time such as 1:23.5",
  badFrame: "Enter a frame number",
  playing: "Playing",
  paused: (/** @type {number} */ frame) => `Paused at frame ${format.count(frame)}`,
  speed: (/** @type {number} */ speed) => (speed < 0 ? `${-speed}× reverse` : `${speed}×`),
  live: "Live",
  behind: (/** @type {number} */ ns) => `${format.span(ns)} behind`,
  position: (/** @type {string} */ time, /** @type {number} */ frame) => `${time}, frame ${format.count(frame)}`,
  copied: "Link to this frame copied.",
};

/** Why a stream has no frame to show. @param {Stream} stream */
export function nothingToSee({ state, error }) {
  if (state === "FAILED") return player.failed(error);
  return state === "INGESTING" ? player.nothingYet : player.allExpired;
}
