// Follows a live edge smoothly, although frames are committed in batches and ingest may run at any
// speed. Pure; time is passed in.

const WINDOW_MS = 4000;
/** The playback's distance to the edge, in wall time: a batch takes up to half a second. */
export const DELAY_MS = 900;
const LOST_MS = 4000;

/** @typedef {{at_ms: number, pts_ns: number}} Sample the edge's position at a moment */

/** @param {Sample[]} samples @param {Sample} sample @returns {Sample[]} of the last seconds, the new one included */
export function observe(samples, sample) {
  const last = samples.at(-1);
  if (last && last.pts_ns === sample.pts_ns) return samples;
  return [...samples.filter(({ at_ms }) => at_ms > sample.at_ms - WINDOW_MS), sample];
}

/** @param {Sample[]} samples @returns {number} the edge's speed in media seconds per second; 1 if unknown */
export function speed(samples) {
  const first = samples[0];
  const last = samples.at(-1);
  if (!first || !last || last.at_ms - first.at_ms < 500) return 1;
  const measured = (last.pts_ns - first.pts_ns) / 1e6 / (last.at_ms - first.at_ms);
  return Math.abs(measured - 1) < 0.2 ? 1 : Math.max(0.1, measured);
}

/**
 * The rate that keeps playback a moment behind the edge.
 * @param {Sample[]} samples @param {number} lag_ns from the current position to the edge
 * @returns {{rate: number, jump_ns: number | null}} jump_ns: too far behind to catch up smoothly;
 *   go to this distance from the edge at once
 */
export function pursue(samples, lag_ns) {
  const edge_speed = speed(samples);
  const lag_ms = lag_ns / 1e6 / edge_speed;
  if (lag_ms > LOST_MS) return { rate: edge_speed, jump_ns: DELAY_MS * 1e6 * edge_speed };
  const error = (lag_ms - DELAY_MS) / 1000;
  const correction = Math.abs(error) < 0.3 ? 0 : Math.max(-0.2, Math.min(0.5, error * 0.25));
  return { rate: edge_speed * (1 + correction), jump_ns: null };
}
