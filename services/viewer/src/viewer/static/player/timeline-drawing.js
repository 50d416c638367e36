// Draws the timeline: the size of each frame (which shows how much the picture changes), gaps, the
// expired part, the future part, the loop, and a ruler.

import * as format from "../common/format.js";
import { shareOf, ticks } from "./timeline-scale.js";

const RULER_PX = 18;
/** So many times as long as frames usually follow one another is a gap, */
const GAP_RATIO = 8;
/** if it is so long. */
const LEAST_GAP_NS = 1e9;

/**
 * @typedef {object} Strip
 * @property {import("./timeline-scale.js").View} view
 * @property {import("./frame-index.js").Sample[]} samples
 * @property {number} expired_ns frames before it have expired
 * @property {number} end_ns frames after it do not exist yet
 * @property {number} place_ns
 * @property {{start_ns: number, end_ns: number} | null} loop
 */

/**
 * Finds gaps: intervals without a frame that are far longer than the intervals around them.
 * @param {import("./frame-index.js").Sample[]} samples @param {number} end_ns of the last of them
 * @returns {{start_ns: number, end_ns: number}[]}
 */
export function gapsOf(samples, end_ns) {
  const spans = samples.map(({ pts_ns }, i) => (samples[i + 1]?.pts_ns ?? end_ns) - pts_ns);
  const usual_ns = spans.toSorted((a, b) => a - b)[Math.floor(spans.length / 2)];
  const least_ns = Math.max(GAP_RATIO * usual_ns, LEAST_GAP_NS);
  return samples.flatMap(({ pts_ns }, i) =>
    spans[i] > least_ns ? [{ start_ns: pts_ns + usual_ns, end_ns: pts_ns + spans[i] }] : []);
}

/** @param {HTMLCanvasElement} canvas @param {Strip} strip */
export function draw(canvas, strip) {
  const scale = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  const colour = (/** @type {string} */ name) => style.getPropertyValue(name);
  const x = (/** @type {number} */ pts_ns) => shareOf(strip.view, pts_ns) * width;
  const floor = height - RULER_PX;

  const gaps = gapsOf(strip.samples, strip.end_ns);
  drawSizes(context, strip, x, floor, colour);
  for (const { start_ns, end_ns } of gaps) {
    context.clearRect(x(start_ns), 0, x(end_ns) - x(start_ns), floor);
    hatch(context, x(start_ns), x(end_ns), floor, colour("--strip-gap"));
  }
  hatch(context, x(0), x(strip.expired_ns), floor, colour("--strip-expired"));
  hatch(context, x(strip.end_ns), width, floor, colour("--strip-coming"));
  if (strip.loop) drawLoop(context, x(strip.loop.start_ns), x(strip.loop.end_ns), floor, colour("--strip-loop"));
  drawRuler(context, strip.view, x, width, height, style);
}

/**
 * @param {CanvasRenderingContext2D} context @param {Strip} strip @param {(pts_ns: number) => number} x
 * @param {number} floor @param {(name: string) => string} colour
 */
function drawSizes(context, { samples, place_ns, end_ns }, x, floor, colour) {
  const largest = samples.reduce((most, { size }) => Math.max(most, size), 1);
  // Half of the smallest size is subtracted, to emphasise differences.
  const base = samples.reduce((least, { size }) => Math.min(least, size), largest) / 2;
  const played = colour("--strip-played");
  const ahead = colour("--strip-ahead");
  samples.forEach(({ pts_ns, size }, i) => {
    const left = x(pts_ns);
    const width = x(i + 1 < samples.length ? samples[i + 1].pts_ns : end_ns) - left;
    const tall = Math.max(2, ((size - base) / (largest - base)) * (floor - 4));
    context.fillStyle = pts_ns <= place_ns ? played : ahead;
    context.fillRect(left, floor - tall, width > 4 ? width - 1 : width + 0.5, tall);
  });
}

/**
 * @param {CanvasRenderingContext2D} context @param {number} from @param {number} to
 * @param {number} floor @param {string} colour
 */
function hatch(context, from, to, floor, colour) {
  if (to - from < 1) return;
  context.save();
  context.beginPath();
  context.rect(from, 0, to - from, floor);
  context.clip();
  context.strokeStyle = colour;
  context.beginPath();
  for (let at = Math.max(from, 0) - floor; at < to; at += 7) {
    context.moveTo(at, floor);
    context.lineTo(at + floor, 0);
  }
  context.stroke();
  context.restore();
}

/**
 * @param {CanvasRenderingContext2D} context @param {number} from @param {number} to
 * @param {number} floor @param {string} colour
 */
function drawLoop(context, from, to, floor, colour) {
  context.save();
  context.fillStyle = colour;
  context.fillRect(from, 0, 2, floor);
  context.fillRect(to - 2, 0, 2, floor);
  context.fillRect(from, 0, Math.max(2, to - from), 3);
  context.globalAlpha = 0.22;
  context.fillRect(from, 3, Math.max(2, to - from), floor - 3);
  context.restore();
}

/**
 * @param {CanvasRenderingContext2D} context @param {import("./timeline-scale.js").View} view
 * @param {(pts_ns: number) => number} x @param {number} width @param {number} height @param {CSSStyleDeclaration} style
 */
function drawRuler(context, view, x, width, height, style) {
  const { step_ns, at_ns } = ticks(view, Math.max(2, Math.floor(width / 90)));
  context.fillStyle = style.getPropertyValue("--muted");
  context.font = `11px ${style.fontFamily}`;
  context.textBaseline = "bottom";
  for (const at of at_ns) {
    const label = format.time(at + 1, { exact: step_ns < 1e9 });
    const left = x(at);
    if (left + 4 + context.measureText(label).width > width) break;
    context.fillRect(left, height - RULER_PX, 1, 5);
    context.fillText(label, left + 4, height - 1);
  }
}
