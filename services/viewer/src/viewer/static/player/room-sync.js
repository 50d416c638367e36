// Synchronizes with a room: the room's position now, and how to reach it. Pure.

/**
 * @typedef {object} RoomState a room's state
 * @property {string} stream_id
 * @property {number} frame
 * @property {number} pts_ns
 * @property {boolean} playing
 * @property {number} speed
 * @property {number} at_us when its sender moved it, by the sender's clock
 * @property {number} age_us its age when the server sent it
 * @property {string} by the last sender
 * @property {number | null} mark_in the first and the last frame of the loop
 * @property {number | null} mark_out
 */

/** Smaller differences are not visible. */
const CLOSE_MS = 40;
/** For larger differences, jump. */
const FAR_MS = 700;
/** A smaller lag is made up within about this time. */
const CATCH_UP_MS = 1500;
const MOST = 0.15;

/**
 * Where a room is now.
 * @param {RoomState} state @param {number} elapsed_ms since it was there
 * @returns {number} media time
 */
export const placeOf = ({ pts_ns, playing, speed }, elapsed_ms) =>
  playing ? Math.max(0, pts_ns + elapsed_ms * 1e6 * speed) : pts_ns;

/** @typedef {{start_ns: number, end_ns: number}} Loop */

/**
 * A position after wrapping in a loop.
 * @param {number} goal_ns the position without the loop @param {number} speed @param {Loop} loop
 */
export function looped(goal_ns, speed, { start_ns, end_ns }) {
  const round_ns = end_ns - start_ns;
  if (speed > 0) return goal_ns < end_ns ? goal_ns : start_ns + ((goal_ns - start_ns) % round_ns);
  return goal_ns >= start_ns ? goal_ns : end_ns - ((end_ns - goal_ns) % round_ns);
}

/**
 * The equivalent position one round earlier or later, if that is nearer to `near_ns`.
 * @param {number} place_ns @param {number} near_ns @param {Loop} loop
 */
export function nearby(place_ns, near_ns, { start_ns, end_ns }) {
  if (Math.min(place_ns, near_ns) < start_ns || Math.max(place_ns, near_ns) > end_ns) return place_ns;
  const round_ns = end_ns - start_ns;
  return place_ns + Math.round((near_ns - place_ns) / round_ns) * round_ns;
}

/**
 * How to reach a moving position while playing.
 * @param {number} own_ns @param {number} goal_ns @param {number} speed of both
 * @returns {{factor: number, jump: boolean}} factor: of the speed
 */
export function pursue(own_ns, goal_ns, speed) {
  const behind_ms = (goal_ns - own_ns) / 1e6 / speed;
  if (Math.abs(behind_ms) > FAR_MS) return { factor: 1, jump: true };
  if (Math.abs(behind_ms) < CLOSE_MS) return { factor: 1, jump: false };
  return { factor: 1 + Math.max(-MOST, Math.min(MOST, behind_ms / CATCH_UP_MS)), jump: false };
}
