// The media clock: a value, and functions from one value to the next. Time is passed in.

/**
 * @typedef {object} Clock
 * @property {boolean} playing the person's choice
 * @property {boolean} held playing, but waiting for frames
 * @property {number} rate media seconds per second; negative plays backwards
 * @property {number} pts_ns media time at `since_ms`
 * @property {number} since_ms
 */

/** @param {number} pts_ns @returns {Clock} paused at this time, at rate 1 */
export const at = (pts_ns) => Object.freeze({ playing: false, held: false, rate: 1, pts_ns, since_ms: 0 });

/** @param {Clock} clock @param {number} now_ms @returns {number} media time now, in nanoseconds */
export function ptsAt(clock, now_ms) {
  if (!clock.playing || clock.held) return clock.pts_ns;
  return clock.pts_ns + (now_ms - clock.since_ms) * 1e6 * clock.rate;
}

/** @param {Clock} clock @param {number} now_ms @param {Partial<Clock>} change @returns {Clock} */
function changed(clock, now_ms, change) {
  return Object.freeze({ ...clock, pts_ns: ptsAt(clock, now_ms), since_ms: now_ms, ...change });
}

/** @param {Clock} clock @param {number} now_ms */
export const play = (clock, now_ms) => changed(clock, now_ms, { playing: true, held: false });

/** @param {Clock} clock @param {number} now_ms */
export const pause = (clock, now_ms) => changed(clock, now_ms, { playing: false, held: false });

/** @param {Clock} clock @param {number} now_ms @param {number} pts_ns */
export const seek = (clock, now_ms, pts_ns) => changed(clock, now_ms, { pts_ns });

/** @param {Clock} clock @param {number} now_ms @param {number} rate */
export const setRate = (clock, now_ms, rate) => (rate === clock.rate ? clock : changed(clock, now_ms, { rate }));

/** @param {Clock} clock @param {number} now_ms @param {boolean} held */
export const setHeld = (clock, now_ms, held) => (held === clock.held ? clock : changed(clock, now_ms, { held }));

/**
 * Keeps the clock inside a range: wraps at a loop's end, stops at other ends.
 * @param {Clock} clock @param {number} now_ms
 * @param {{low_ns: number, high_ns: number, loop: boolean}} range first and last moment to show
 * @returns {{clock: Clock, reached: "start" | "end" | null}} reached: the end that stopped it
 */
export function within(clock, now_ms, { low_ns, high_ns, loop }) {
  const pts_ns = ptsAt(clock, now_ms);
  if (pts_ns >= low_ns && pts_ns < high_ns) return { clock, reached: null };
  const forward = clock.rate > 0;
  const reached = pts_ns >= high_ns ? "end" : "start";
  if (loop && clock.playing && forward === (reached === "end")) {
    return { clock: seek(clock, now_ms, forward ? low_ns : high_ns - 1), reached: null };
  }
  const bound_ns = reached === "end" ? high_ns : low_ns;
  return { clock: pts_ns === bound_ns ? clock : seek(clock, now_ms, bound_ns), reached };
}
