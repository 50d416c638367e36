// Decides which frames to have ready and which window to request. Pure.

/**
 * @typedef {object} Range the available frames
 * @property {number} first the earliest available frame
 * @property {number} edge one past the last committed
 */

/** @typedef {{from: number, count: number | null, stride: number, follow: boolean}} Window count null: no end */

/** A window has at most this many seconds of a stream, and more than half as many. */
const WINDOW_SECONDS = 2;

/** The most frames per second that are shown. */
const SCREEN_FPS = 60;
const AROUND = 4;

/**
 * The stride with which decoding keeps up: frames are skipped, never queued late.
 * @param {number} frames_per_second at the chosen speed
 * @param {number} decodable_fps the measured decoding rate
 */
export function strideFor(frames_per_second, decodable_fps) {
  return Math.max(1, Math.ceil(Math.abs(frames_per_second) / Math.min(SCREEN_FPS, decodable_fps) - 0.05));
}

/** Strided frames lie on one grid, so that repeated requests have the same URL. @param {number} frame @param {number} stride */
export const onGrid = (frame, stride) => frame - (frame % stride);

/**
 * How many frames were due between two shown frames.
 * @param {number} shown @param {number} frame @param {number} step signed stride
 */
export const passedOver = (shown, frame, step) => Math.max(0, Math.round((frame - shown) / step) - 1);

/**
 * The next frames while playing, the most urgent first.
 * @param {number} frame @param {number} step signed stride @param {number} count @param {Range} range
 */
export function upcoming(frame, step, count, { first, edge }) {
  const frames = [];
  for (let next = frame; frames.length < count && next >= first && next < edge; next = after(next, step)) frames.push(next);
  return frames;
}

/** The next frame on the grid; the first available frame may lie off it. @param {number} frame @param {number} step */
function after(frame, step) {
  const base = onGrid(frame, Math.abs(step));
  return step < 0 && base < frame ? base : base + step;
}

/**
 * The frames to have while paused: this one, then its neighbours.
 * @param {number} frame @param {Range} range
 */
export function surrounding(frame, { first, edge }) {
  const frames = [frame];
  for (let distance = 1; distance <= AROUND; distance += 1) frames.push(frame + distance, frame - distance);
  return frames.filter((candidate) => candidate >= first && candidate < edge);
}

/**
 * The number of frames in a window. A power of two, so that small changes of a growing stream's
 * figures don't change it: all viewers request the same windows, and caches share them.
 * @param {number} fps @param {number} most limit by bytes or by purpose
 */
export const windowFrames = (fps, most) => 2 ** Math.max(0, Math.floor(Math.log2(Math.min(fps * WINDOW_SECONDS, most))));

/**
 * The window to request for the frame `missing`. Windows lie side by side from the stream's first
 * frame. If the frame is urgent, only its part of the window is requested, from it on or back.
 * @param {number} missing @param {number} step signed stride @param {number} count of a window's frames
 * @param {{follow: boolean, range: Range}} wish follow: to wait for future frames
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
  // At the edge, a window is incomplete: request only its missing part.
  const whole = !urgent && end < edge;
  const from = whole || step < 0 ? Math.max(begin, Math.ceil(first / stride) * stride) : missing;
  const last = whole || step > 0 ? Math.min(end, missing + (left - 1) * stride) : missing;
  return { from, count: (last - from) / stride + 1, stride, follow: false };
}

/**
 * Whether a window that is being received will still have a frame.
 * @param {Window} window @param {number} next the least frame still to come @param {number} frame
 */
export function covers(window, next, frame) {
  const end = window.count === null ? Infinity : window.from + window.count * window.stride;
  return frame >= next && frame < end && (frame - window.from) % window.stride === 0;
}
