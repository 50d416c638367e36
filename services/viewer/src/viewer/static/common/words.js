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
export const back = "The server is back.";
export const noReason = "No reason was recorded.";

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
