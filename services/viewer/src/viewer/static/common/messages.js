// Every sentence that the pages say, in one place. What happened, then what to do.

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
  empty: ["No streams yet", "Drop a video into videos/incoming/ and it appears here by itself."],
  noMatch: (/** @type {string} */ query) => [`Nothing matches “${query}”`, "Search looks at names and stream ids."],
  count: (/** @type {number} */ shown, /** @type {number} */ all) =>
    shown === all ? `${format.count(all)} ${all === 1 ? "stream" : "streams"}`
      : `${format.count(shown)} of ${format.count(all)} streams`,
};

export const away = "The server is away. Trying again; nothing to do.";
export const logAway = (/** @type {string[]} */ sentences) =>
  `${sentences.join(" ")} What is known already can be watched; nothing to do here.`;
export const noReason = "No reason was recorded.";

export const exporting = {
  noMarks: "No marks yet: i and o set them",
  part: (/** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ length_ns) =>
    `Frames ${format.count(from)} to ${format.count(to)}, ${format.span(length_ns)}`,
  size: (/** @type {number} */ bytes) => `About ${format.bytes(bytes)}.`,
  progress: (/** @type {number} */ received, /** @type {number} */ total) => `${format.bytes(received)} of ${format.bytes(total)}`,
  done: (/** @type {string} */ name) => `Saved as ${name}.`,
  handedOver: "The browser is downloading it.",
  cancelled: "Cancelled. Nothing was kept.",
  missing: "The server offers no such clip of this stream.",
  expired: (/** @type {number | null} */ first) =>
    `The first of these frames have expired from the log. ${first === null ? "Move the marks forward" : `Begin at frame ${format.count(first)}`}, and export again.`,
  busy: (/** @type {number} */ seconds) => `The server is full at the moment. Try again in ${format.span(seconds * 1e9)}.`,
  away: "The server went away before the clip was whole. Nothing was kept; try again.",
  unwritable: (/** @type {string} */ reason) => `The file could not be written: ${reason}`,
};

export const grid = {
  title: (/** @type {number} */ count) => (count === 1 ? "One stream" : `${count} streams in step`),
  picture: (/** @type {string} */ name) => `The current frame of ${name}`,
  unknown: "There is no such stream. It may have been removed.",
  paused: (/** @type {string} */ time) => `Paused at ${time}`,
  chosen: (/** @type {number} */ count, /** @type {number} */ most) =>
    `${count} chosen${count === most ? ", as many as fit" : ""}`,
  choose: (/** @type {string} */ name) => `Choose ${name} for the grid`,
};

export const room = {
  youLead: "you lead",
  leads: (/** @type {string} */ who) => `${who} leads`,
  away: "can't be reached, trying again",
  title: (/** @type {string} */ name, /** @type {string} */ me) => `Room ${name}: one moves, all move. To the others you are ${me}.`,
  copied: "Link copied. Whoever opens it watches with you.",
  elsewhere: (/** @type {string} */ stream_id) => `This room is watching another stream, ${stream_id}.`,
};

export const retention = {
  left: (/** @type {number} */ ns) => (ns > 0 ? `${format.span(ns)} left` : "Expires any moment"),
  until: (/** @type {number | null} */ ms, /** @type {number | null} */ bytes) => {
    const bound = bytes === null ? "" : `the partition outgrows ${format.bytes(bytes)}`;
    if (ms === null) return bound ? `Until ${bound}` : "For good";
    return `${new Date(ms).toLocaleString()}${bound ? `, or ${bound}` : ""}`;
  },
};

export const status = {
  names: { viewer: "Viewer", ingest: "Ingest", kafka: "Kafka", registry: "Schema registry" },
  states: { ready: "Ready", waiting: "Waiting", away: "Away", unasked: "Not asked" },
  headline: (/** @type {import("../status/page.js").Service[]} */ services) => {
    const troubled = services.filter(({ state }) => state === "away" || state === "waiting");
    if (!troubled.length) return "Every service that is asked is ready.";
    return `Not ready: ${troubled.map(({ name }) => status.names[name]).join(", ")}.`;
  },
  quiet: {
    frames: "No frame was committed or delivered.",
    watchers: "Nobody watches.",
    live: "Nobody watched a live edge.",
    seeks: "No frame was asked for by its number.",
    commits: "Nothing was committed.",
  },
  /** Why a plot is empty. */
  nothing: (/** @type {import("../status/page.js").Status} */ { services, times_ms }, /** @type {import("../status/plot-definitions.js").PlotKind} */ kind) => {
    const ingest = services.filter(({ name }) => name === "ingest");
    if (times_ms.length < 2) return "The first numbers come in a few seconds.";
    if (kind.asks_ingest && ingest.every(({ state }) => state === "unasked")) return "Ingest measures this, and the viewer isn't told where it is.";
    if (kind.asks_ingest && ingest.every(({ state }) => state === "away")) return "Ingest measures this, and can't be reached.";
    return kind.quiet || "Not measured.";
  },
  minute: "Highest of the minute",
  summary: (/** @type {string} */ label, /** @type {string | null} */ now, /** @type {string | null} */ high) =>
    high === null ? `${label}: nothing` : `${label}: ${now ?? "nothing"} now, ${high} at most`,
  clock: (/** @type {number} */ at_ms, seconds = true) =>
    new Date(at_ms).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", ...(seconds && { second: "2-digit" }) }),
  fileStates: { waiting: "Waits", failed: "Failed" },
  files: (/** @type {import("../status/page.js").Files | null} */ files) => {
    if (!files) return "No ingest service tells of its files.";
    const { waiting, ingesting, failed, done } = files.totals;
    const all = `${format.count(waiting)} in incoming, ${format.count(ingesting)} being ingested, ${format.count(failed)} failed, ${format.count(done)} done.`;
    return files.paused ? `${all} Intake is paused: no new file is taken.` : all;
  },
  skipped: (/** @type {import("../status/page.js").Skipped} */ { topic, count, sentence, first_partition, first_offset }) =>
    `${count === 1 ? "1 record" : `${format.count(count)} records`} of ${topic} passed by. ${sentence} ` +
    `The first: partition ${first_partition}, offset ${first_offset}.`,
  noTopics: (/** @type {unknown[] | null} */ topics) =>
    topics ? "The topics have not been made yet: the setup makes them." : "Kafka has not been asked yet, or has not answered.",
  kept: (/** @type {import("../status/page.js").Topic} */ { cleanup_policy, retention_ms, retention_bytes }) => {
    if (!cleanup_policy.includes("delete")) return "the newest of each key, for good";
    const bounds = [
      retention_ms !== null && format.span(retention_ms * 1e6),
      retention_bytes !== null && `${format.bytes(retention_bytes)} a partition`,
    ].filter(Boolean);
    const kept = bounds.length ? `at most ${bounds.join(" and ")}` : "for good";
    return cleanup_policy.includes("compact") ? `the newest of each key, ${kept}` : kept;
  },
};

export const player = {
  loading: "Loading…",
  waiting: "Waiting for the next frames…",
  buffering: "Loading frames…",
  nothingYet: "Still ingesting: the first frame is on its way.",
  unknown: "There is no such stream. It may have been removed; the list shows what is there.",
  failed: (/** @type {string | null} */ reason) =>
    `This video could not be ingested: ${reason || noReason} Repair the file and drop it again.`,
  truncated: (/** @type {string | null} */ reason) => `This stream ends early: ${reason || noReason}`,
  allExpired: "Every frame of this stream has expired from the log. Drop the video again to watch it.",
  expired: (/** @type {number} */ frame) =>
    `Those frames have expired from the log. Moved to frame ${format.count(frame)}, the earliest still there.`,
  unreadable: (/** @type {number} */ frame) => `Frame ${format.count(frame)} cannot be shown: its picture does not decode.`,
  missing: (/** @type {number} */ frame) => `Frame ${format.count(frame)} did not arrive. Asking again.`,
  ended: "The end. Play starts again from the beginning.",
  busy: "The server is full at the moment. Waiting for a place.",
  badTime: "Type a time such as 1:23.5",
  badFrame: "Type a frame number",
  playing: "Playing",
  paused: (/** @type {number} */ frame) => `Paused at frame ${format.count(frame)}`,
  speed: (/** @type {number} */ speed) => (speed < 0 ? `${-speed}× reverse` : `${speed}×`),
  live: "Live",
  behind: (/** @type {number} */ ns) => `${format.span(ns)} behind`,
  position: (/** @type {string} */ time, /** @type {number} */ frame) => `${time}, frame ${format.count(frame)}`,
  copied: "Link to this frame copied.",
};

/** Why there is nothing to see of a stream. @param {Stream} stream */
export function nothingToSee({ state, error }) {
  if (state === "FAILED") return player.failed(error);
  return state === "INGESTING" ? player.nothingYet : player.allExpired;
}
