// The available playback speeds, in media seconds per second.

export const SPEEDS = [0.1, 0.25, 0.5, 1, 1.5, 2, 4, 8, 16];

/** @param {number} speed @returns {boolean} whether it is an available speed; negative is reverse */
export const isSpeed = (speed) => SPEEDS.includes(Math.abs(speed));

/**
 * The next faster or slower speed in the same direction.
 * @param {number} speed @param {1 | -1} change
 */
export function nextSpeed(speed, change) {
  const at = SPEEDS.indexOf(Math.abs(speed));
  return Math.sign(speed) * SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, at + change))];
}
