// The speeds that are offered, in media seconds a second.

export const SPEEDS = [0.1, 0.25, 0.5, 1, 1.5, 2, 4, 8, 16];

/** @param {number} speed @returns {boolean} whether playing can be asked to go at it; negative is reverse */
export const isSpeed = (speed) => SPEEDS.includes(Math.abs(speed));

/**
 * The next quicker or slower speed in the same direction of play.
 * @param {number} speed @param {1 | -1} change
 */
export function nextSpeed(speed, change) {
  const at = SPEEDS.indexOf(Math.abs(speed));
  return Math.sign(speed) * SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, at + change))];
}
