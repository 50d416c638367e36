// The grid's URL: streams, position and speed. Pure.

import { isSpeed } from "../player/playback-speeds.js";

/** More do not fit the screen. */
export const MOST_STREAMS = 9;

/** @typedef {{stream_ids: string[], pts_ns: number, speed: number, paused: boolean}} GridAddress */

/** @param {string} search the page's query @returns {GridAddress} */
export function readAddress(search) {
  const query = new URLSearchParams(search);
  const stream_ids = [...new Set((query.get("grid") ?? "").split(",").filter(Boolean))].slice(0, MOST_STREAMS);
  const seconds = Number(query.get("t"));
  const speed = Number(query.get("speed") ?? 1);
  return {
    stream_ids,
    pts_ns: seconds > 0 && seconds < 1e7 ? seconds * 1e9 : 0,
    speed: isSpeed(speed) ? speed : 1,
    paused: query.has("paused"),
  };
}

/** @param {GridAddress} address @returns {string} the query for it */
export function addressFor({ stream_ids, pts_ns, speed, paused }) {
  const ids = `grid=${stream_ids.map(encodeURIComponent).join(",")}`;
  const parts = [ids, pts_ns ? `t=${(pts_ns / 1e9).toFixed(3)}` : "", speed === 1 ? "" : `speed=${speed}`, paused ? "paused" : ""];
  return `?${parts.filter(Boolean).join("&")}`;
}
