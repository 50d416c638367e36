// The marks between which playing loops. Pure.

/** @typedef {{in: number | null, out: number | null}} Marks frames; null where there is none */

/** @type {Marks} */
export const NONE = Object.freeze({ in: null, out: null });

/** @param {Marks} marks @param {"in" | "out"} which @param {number} frame @returns {Marks} in their right order */
export function marked(marks, which, frame) {
  const changed = { ...marks, [which]: frame };
  const { in: first, out: last } = changed;
  return first !== null && last !== null && first > last ? { in: last, out: first } : changed;
}

/** The first and the last frame that playing shows. @param {Marks} marks @param {number} first @param {number} last */
export function bounds(marks, first, last) {
  const low = Math.max(first, marks.in ?? first);
  return { low, high: Math.max(low, Math.min(last, marks.out ?? last)) };
}
