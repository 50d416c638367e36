// The plots' lines, areas and scales. Pure.

/** @typedef {(number | null)[]} Points */

/** The next round number, to end a scale at. @param {number} value */
export function ceiling(value) {
  if (!(value > 0)) return 1;
  const magnitude = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 2.5, 5, 10].find((factor) => factor * magnitude >= value * (1 - 1e-9)) ?? 10;
  return step * magnitude;
}

/**
 * Runs of points that have a value, as [x, y] from 0 to 100 with y downwards.
 * @param {number[]} times_ms @param {Points} points
 * @param {{from_ms: number, to_ms: number, top: number}} scale
 */
export function runs(times_ms, points, { from_ms, to_ms, top }) {
  /** @type {[number, number][][]} */
  const found = [];
  let open = false;
  points.forEach((value, i) => {
    if (value === null) {
      open = false;
      return;
    }
    if (!open) found.push([]);
    open = true;
    const x = (100 * (times_ms[i] - from_ms)) / (to_ms - from_ms);
    found[found.length - 1].push([x, 100 - (100 * Math.min(value, top)) / top]);
  });
  return found;
}

/** @param {[number, number][]} run @returns {string} a path; a single point is as long as its cap */
export const line = (run) =>
  `M${run.map(([x, y]) => `${x.toFixed(2)} ${y.toFixed(2)}`).join("L")}${run.length === 1 ? "h.01" : ""}`;

/** @param {[number, number][]} run @returns {string} the path of what is below */
export const area = (run) => `${line(run)}L${run[run.length - 1][0].toFixed(2)} 100L${run[0][0].toFixed(2)} 100Z`;

/** @param {Points} points @returns {number | null} */
export const latest = (points) => points[points.length - 1] ?? null;

/** @param {Points} points @returns {number | null} */
export function highest(points) {
  const values = /** @type {number[]} */ (points.filter((value) => value !== null));
  return values.length ? Math.max(...values) : null;
}

/**
 * The maximum of each series in each minute, the newest minute first.
 * @param {number[]} times_ms @param {Points[]} series
 * @returns {[number, Points][]} each minute's start and values
 */
export function minutes(times_ms, series) {
  /** @type {Map<number, Points>} */
  const found = new Map();
  times_ms.forEach((time_ms, i) => {
    const minute = Math.floor(time_ms / 60_000) * 60_000;
    const before = found.get(minute) ?? series.map(() => null);
    found.set(minute, before.map((value, n) => highest([value, series[n][i]])));
  });
  return [...found].reverse();
}
