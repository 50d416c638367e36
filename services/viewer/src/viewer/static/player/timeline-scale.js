// The timeline's visible range of media time, and positions in it. Pure.

/** @typedef {{start_ns: number, end_ns: number}} View */

const TICK_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900,
  1800, 3600, 7200, 14400, 28800, 86400];

/** @param {View} view @param {number} pts_ns @returns {number} share of the width from the left */
export const shareOf = ({ start_ns, end_ns }, pts_ns) => (pts_ns - start_ns) / (end_ns - start_ns);

/** @param {View} view @param {number} share @returns {number} */
export const ptsAtShare = ({ start_ns, end_ns }, share) => start_ns + share * (end_ns - start_ns);

/**
 * Keeps a view inside the stream; keeps its span if possible.
 * @param {View} view @param {number} total_ns @returns {View}
 */
export function inside({ start_ns, end_ns }, total_ns) {
  const span = Math.min(end_ns - start_ns, total_ns);
  const start = Math.max(0, Math.min(start_ns, total_ns - span));
  return { start_ns: start, end_ns: start + span };
}

/**
 * @param {View} view @param {number} factor below 1 zooms in
 * @param {number} around_ns the moment that stays in place
 * @param {number} least_ns the shortest span @param {number} total_ns @returns {View}
 */
export function zoomed(view, factor, around_ns, least_ns, total_ns) {
  const old_span = view.end_ns - view.start_ns;
  const span = Math.min(total_ns, Math.max(Math.min(least_ns, total_ns), old_span * factor));
  const start_ns = around_ns - shareOf(view, around_ns) * span;
  return inside({ start_ns, end_ns: start_ns + span }, total_ns);
}

/** @param {View} view @param {number} shift_ns @param {number} total_ns @returns {View} */
export function panned({ start_ns, end_ns }, shift_ns, total_ns) {
  return inside({ start_ns: start_ns + shift_ns, end_ns: end_ns + shift_ns }, total_ns);
}

/** ConcurrencyLimit the page when the place leaves the view. @param {View} view @param {number} pts_ns @param {number} total_ns */
export function showing(view, pts_ns, total_ns) {
  if (pts_ns >= view.start_ns && pts_ns <= view.end_ns) return view;
  const span = view.end_ns - view.start_ns;
  return inside({ start_ns: pts_ns - span * 0.1, end_ns: pts_ns + span * 0.9 }, total_ns);
}

/**
 * Round moments to label, at most `most` of them.
 * @param {View} view @param {number} most @returns {{step_ns: number, at_ns: number[]}}
 */
export function ticks({ start_ns, end_ns }, most) {
  const span_seconds = (end_ns - start_ns) / 1e9;
  const step_ns = (TICK_SECONDS.find((step) => span_seconds / step <= most) ?? span_seconds) * 1e9;
  const at_ns = [];
  for (let at = Math.ceil(start_ns / step_ns) * step_ns; at <= end_ns && step_ns > 0; at += step_ns) at_ns.push(at);
  return { step_ns, at_ns };
}
