// The worker behind the player: keeps encoded frames around the place that is watched, and turns
// those that are wanted into bitmaps. It holds one wish at a time; a new one replaces the old.

import { Away, Gone, Missing, addresses, delayMs } from "../common/api.js";
import { covers, onGrid, upcoming, windowFor } from "./plan.js";
import { readWindow } from "./reader.js";
import { FrameStore } from "./store.js";

/**
 * @typedef {object} Wish
 * @property {string} run_id whose frames are wanted
 * @property {number[]} frames to decode, the most urgent first
 * @property {number} frame the place that is watched
 * @property {number} step signed stride
 * @property {number} window_frames how many to ask of the server at a time
 * @property {number} ahead_frames how many encoded frames to hold beyond the place
 * @property {boolean} follow whether to stay at the live edge
 * @property {import("./plan.js").Range} range
 * @property {number} received sequence number of the last bitmap that had arrived
 */

const ENCODED_LIMIT_BYTES = 96e6;
const PARALLEL_DECODES = 3;

/** @type {FrameStore<import("./records.js").FrameRecord>} */
const encoded = new FrameStore(ENCODED_LIMIT_BYTES);
/** Bitmaps posted that the page had not seen yet when it last wished. @type {Map<number, number>} */
const posted = new Map();
/** @type {Set<number>} */
const decoding = new Set();
let sequence = 0;
let url = "";
/** @type {Wish | null} */
let wish = null;
/** @type {{window: import("./plan.js").Window, next: number, abort: AbortController} | null} */
let reading = null;
let failures = 0;
/** @type {number | undefined} */
let retry_timer;
/** A frame that a whole window did not bring: asked for again only after a pause. */
let absent = -1;

self.onmessage = ({ data }) => {
  if (data.open) {
    url = addresses(data.open.base).frames(data.open.stream_id);
    return;
  }
  if (data.wish.run_id !== wish?.run_id) forget();
  wish = /** @type {Wish} */ (data.wish);
  for (const [frame, number] of posted) if (number <= wish.received) posted.delete(frame);
  work();
};

/** Another run replaces every frame: nothing held or under way is worth anything. */
function forget() {
  reading?.abort.abort();
  reading = null;
  encoded.clear();
  posted.clear();
  decoding.clear();
}

function work() {
  decodeNext();
  readNext();
}

function decodeNext() {
  for (const frame of wish?.frames ?? []) {
    if (decoding.size >= PARALLEL_DECODES) return;
    const record = encoded.get(frame);
    if (record && !posted.has(frame) && !decoding.has(frame)) void decode(record);
  }
}

/** @param {import("./records.js").FrameRecord} record */
async function decode({ header, image }) {
  decoding.add(header.frame);
  const began_ms = performance.now();
  sequence += 1;
  posted.set(header.frame, sequence);
  const number = sequence;
  const run_id = wish?.run_id;
  try {
    const bitmap = await createImageBitmap(new Blob([image], { type: header.mime_type }));
    const decode_ms = (performance.now() - began_ms) / Math.max(1, decoding.size);
    postMessage({ type: "frame", run_id, header, bitmap, number, decode_ms }, { transfer: [bitmap] });
  } catch {
    postMessage({ type: "unreadable", run_id, frame: header.frame, number });
  }
  if (run_id === wish?.run_id) decoding.delete(header.frame);
  decodeNext();
}

/** @returns {number | null} the first frame to ask the server for */
function missingFrame() {
  if (!wish) return null;
  const wanted = wish.frames.find((frame) => !encoded.has(frame) && !posted.has(frame));
  if (wanted !== undefined) return wanted;
  const ahead = upcoming(wish.frame, wish.step, wish.ahead_frames, wish.range);
  const later = ahead.find((frame) => !encoded.has(frame));
  if (later !== undefined) return later;
  // All that is committed is here: at a live edge, wait at the server for what comes next.
  const atEdge = wish.follow && ahead.length < wish.ahead_frames;
  const waiting = reading?.window.follow && reading.window.stride === wish.step;
  return atEdge && !waiting ? onGrid(wish.range.edge, wish.step) : null;
}

function readNext() {
  if (reading?.window.follow && !wish?.follow) {
    reading.abort.abort();
    reading = null;
  }
  const missing = missingFrame();
  if (!wish || missing === null || retry_timer !== undefined) return;
  if (reading) {
    // Only the picture that is waited for is worth breaking off a window, and not one of a single
    // frame: that is nearly there, and a hand that moves on must not starve the screen.
    const { window, next } = reading;
    const urgent = window.follow || (missing === wish.frame && window.count !== 1);
    if (!urgent || covers(window, next, missing)) return;
    reading.abort.abort();
  }
  const step = missing < wish.frame && wish.step === 1 ? -1 : wish.step;
  const window = windowFor(missing, step, wish.window_frames, wish.follow, wish.range);
  reading = { window, next: window.from, abort: new AbortController() };
  void read(reading, missing);
}

/** @param {NonNullable<typeof reading>} current @param {number} missing */
async function read(current, missing) {
  let arrived = false;
  try {
    for await (const record of readWindow(url, wish?.run_id ?? "", current.window, current.abort.signal)) {
      if (reading !== current) return;
      recovered();
      const { frame, pts_ns, image_bytes, skipped } = record.header;
      arrived ||= frame === missing;
      current.next = frame + 1;
      const focus = wish?.frame ?? frame;
      encoded.put(frame, record, image_bytes, (other) => distance(other, focus));
      postMessage({ type: "arrived", run_id: wish?.run_id, frame, pts_ns, image_bytes, skipped });
      work();
    }
    if (reading !== current) return;
    reading = null;
    recovered();
    if (current.window.follow) pauseReading(200);
    else if (arrived) readNext();
    else giveUp(missing);
  } catch (error) {
    if (reading !== current) return;
    reading = null;
    stumble(error, missing);
  }
}

/** Frames behind the direction of play are the less useful. @param {number} frame @param {number} focus */
function distance(frame, focus) {
  const ahead = (frame - focus) * Math.sign(wish?.step ?? 1);
  return ahead >= 0 ? ahead : -3 * ahead;
}

function recovered() {
  if (failures) postMessage({ type: "back" });
  failures = 0;
  absent = -1;
}

/** @param {number} frame that its window did not bring */
function giveUp(frame) {
  if (absent !== frame) postMessage({ type: "missing", frame });
  absent = frame;
  pauseReading(1000);
}

/** @param {unknown} error @param {number} missing */
function stumble(error, missing) {
  if (error instanceof Gone) {
    postMessage({ type: "gone", frame: missing, first_available_frame: error.first_available_frame });
    pauseReading(500);
  } else if (error instanceof Missing) {
    giveUp(missing);
  } else {
    failures += 1;
    const busy = error instanceof Away && error.retry_after_seconds !== null;
    postMessage({ type: "away", busy });
    pauseReading(delayMs(failures, error));
  }
}

/** @param {number} ms */
function pauseReading(ms) {
  retry_timer = setTimeout(() => {
    retry_timer = undefined;
    readNext();
  }, ms);
}
