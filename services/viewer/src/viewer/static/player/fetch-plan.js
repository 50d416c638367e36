// Which frames to have ready, and which window of the log to ask for. Pure.

/**
 * @typedef {object} Range the frames that can be asked for
 * @property {number} first the earliest that retention has left
 * @property {number} edge one past the last committed
 */

/** @typedef {{from: number, count: number | null, stride: number, follow: boolean}} Window count null: no end */

/** So many seconds of a stream are in a window at most, and more than half as many. */
const WINDOW_SECONDS = 2;

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
 * How many frames a window holds. A power of two, so that figures which change a little while a stream
 * grows don't change it: windows are the same for all who watch, and any cache shares them.
 * @param {number} fps @param {number} most by their bytes, or by what they are for
 */
export const windowFrames = (fps, most) => 2 ** Math.max(0, Math.floor(Math.log2(Math.min(fps * WINDOW_SECONDS, most))));

/**
 * The window to read so that `missing` comes. Windows lie side by side from the stream's first frame on.
 * Whoever waits for the frame gets what is left of its window, from there on or back from there.
 * @param {number} missing @param {number} step signed stride @param {number} count of a window's frames
 * @param {{follow: boolean, range: Range}} wish follow: to stay for frames not committed yet
 * @param {boolean} urgent @returns {Window}
 */
export function windowFor(missing, step, count, { follow, range: { first, edge } }, urgent) {
  const stride = Math.abs(step);
  const off = missing % stride;
  // The first frame that retention has left may lie between those of a stride.
  if (off) return { from: missing, count: 1, stride: 1, follow: false };
  const left = Math.ceil((edge - missing) / stride);
  if (follow && step > 0 && left <= count) return { from: missing, count: null, stride, follow: true };
  const begin = missing - (missing % (count * stride));
  const end = begin + (count - 1) * stride;
  // At the edge, a window is not whole yet: only what is missing of it is read.
  const whole = !urgent && end < edge;
  const from = whole || step < 0 ? Math.max(begin, Math.ceil(first / stride) * stride) : missing;
  const last = whole || step > 0 ? Math.min(end, missing + (left - 1) * stride) : missing;
  return { from, count: (last - from) / stride + 1, stride, follow: false };
}

/**
 * Whether a window under way will still bring a frame.
 * @param {Window} window @param {number} next the least frame still to come @param {number} frame
 */
export function covers(window, next, frame) {
  const end = window.count === null ? Infinity : window.from + window.count * window.stride;
  return frame >= next && frame < end && (frame - window.from) % window.stride === 0;
}
