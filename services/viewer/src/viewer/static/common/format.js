// Formats and parses numbers and times for people. Pure.

const NS_PER_SECOND = 1e9;

/**
 * Media time as `M:SS`, or `H:MM:SS` from an hour on, with milliseconds on request.
 * @param {number} ns nanoseconds, negative counts as 0
 * @param {{exact?: boolean}} [options] exact: append `.mmm`
 */
export function time(ns, { exact = false } = {}) {
  const total_ms = Math.max(0, Math.floor(ns / 1e6));
  const seconds = Math.floor(total_ms / 1000);
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60];
  const hours = Math.floor(seconds / 3600);
  const clock = hours
    ? [hours, ...parts.map((part) => String(part).padStart(2, "0"))].join(":")
    : `${parts[0]}:${String(parts[1]).padStart(2, "0")}`;
  return exact ? `${clock}.${String(total_ms % 1000).padStart(3, "0")}` : clock;
}

/**
 * Parses a typed time: `95`, `1:35`, `0:01:35.250`.
 * @param {string} text
 * @returns {number | null} nanoseconds, or null if it is not a time
 */
export function parseTime(text) {
  const match = /^\s*(?:(?:(\d+):)?(\d+):)?(\d+(?:[.,]\d*)?)\s*s?\s*$/.exec(text);
  if (!match) return null;
  const [, hours = "0", minutes = "0", seconds] = match;
  const total = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds.replace(",", "."));
  return Math.round(total * NS_PER_SECOND);
}

/** @param {number} ns a duration as text: `340 ms`, `2.4 s`, `3 min`, `5 h`, `2 days` */
export function span(ns) {
  const seconds = Math.abs(ns) / NS_PER_SECOND;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

/** @param {number} count bytes, as `812 B`, `1.4 MB` (powers of 1000) */
export function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** @param {number} value a count with thousands separated */
export const count = (value) => value.toLocaleString("en");

/** @param {number} fps frames a second, at most two decimals: `25`, `29.97` */
export const rate = (fps) => String(Number(fps.toFixed(2)));

/**
 * How long ago a moment was.
 * @param {number} then_ms @param {number} now_ms both since 1970, milliseconds
 */
export function ago(then_ms, now_ms) {
  const elapsed_ns = (now_ms - then_ms) * 1e6;
  return elapsed_ns < 10 * NS_PER_SECOND ? "just now" : `${span(elapsed_ns).replace(/\.\d/, "")} ago`;
}

/**
 * A wall-clock moment from the API: a string of ISO 8601, or microseconds since 1970.
 * @param {string | number | null | undefined} value
 * @returns {number | null} milliseconds since 1970
 */
export function moment(value) {
  if (value === null || value === undefined) return null;
  const ms = typeof value === "number" ? value / 1000 : Date.parse(value);
  return Number.isFinite(ms) ? ms : null;
}
