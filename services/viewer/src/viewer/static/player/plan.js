// Which frames to have ready, and which window of the log to ask for. Pure.

/**
 * @typedef {object} Range the frames that can be asked for
 * @property {number} first the earliest that retention has left
 * @property {number} edge one past the last committed
 */

/** @typedef {{from: number, count: number | null, stride: number, follow: boolean}} Window count null: no end */

/** Frames a second that a screen is given at most. */
const SCREEN_FPS = 60;
const AROUND = 4;

/**
 * How many frames to move on at a time, so that decoding keeps up: strided, never queued late.
 * @param {number} frames_per_second that the speed asks for
 * @param {number} decodable_fps what decoding was seen to manage
 */
export function strideFor(frames_per_second, decodable_fps) {
  return Math.max(1, Math.ceil(Math.abs(frames_per_second) / Math.min(SCREEN_FPS, decodable_fps) - 0.05));
}

/** Strides lie on one grid, so that windows asked for twice are the same. @param {number} frame @param {number} stride */
export const onGrid = (frame, stride) => frame - (frame % stride);

/**
 * How many pictures were due between two that were shown.
 * @param {number} shown @param {number} frame @param {number} step signed stride
 */
export const passedOver = (shown, frame, step) => Math.max(0, Math.round((frame - shown) / step) - 1);

/**
 * The frames to have next while playing, the most urgent first.
 * @param {number} frame @param {number} step signed stride @param {number} count @param {Range} range
 */
export function upcoming(frame, step, count, { first, edge }) {
  const frames = [];
  for (let next = frame; frames.length < count && next >= first && next < edge; next = after(next, step)) frames.push(next);
  return frames;
}

/** The next on the grid; the first frame that retention has left may lie off it. @param {number} frame @param {number} step */
function after(frame, step) {
  const base = onGrid(frame, Math.abs(step));
  return step < 0 && base < frame ? base : base + step;
}

/**
 * The frames to have while paused: this one, then what a step either way would show.
 * @param {number} frame @param {Range} range
 */
export function surrounding(frame, { first, edge }) {
  const frames = [frame];
  for (let distance = 1; distance <= AROUND; distance += 1) frames.push(frame + distance, frame - distance);
  return frames.filter((candidate) => candidate >= first && candidate < edge);
}

/**
 * The window to read so that `missing` comes: it begins there going forwards, ends there going back.
 * @param {number} missing @param {number} step signed stride @param {number} count @param {boolean} follow
 *   whether to stay for frames not committed yet @param {Range} range @returns {Window}
 */
export function windowFor(missing, step, count, follow, { first, edge }) {
  const stride = Math.abs(step);
  if (step < 0) {
    const before = Math.min(count - 1, Math.floor((missing - first) / stride));
    return { from: missing - before * stride, count: before + 1, stride, follow: false };
  }
  const left = Math.ceil((edge - missing) / stride);
  if (follow && left <= count) return { from: missing, count: null, stride, follow: true };
  return { from: missing, count: Math.min(count, left), stride, follow: false };
}

/**
 * Whether a window under way will still bring a frame.
 * @param {Window} window @param {number} next the least frame still to come @param {number} frame
 */
export function covers(window, next, frame) {
  const end = window.count === null ? Infinity : window.from + window.count * window.stride;
  return frame >= next && frame < end && (frame - window.from) % window.stride === 0;
}
