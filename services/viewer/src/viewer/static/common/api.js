// Client of the viewer's HTTP API. Errors are named by what the caller does next.

/**
 * @typedef {object} Stream one entry of the catalogue
 * @property {string} stream_id
 * @property {string} name the file's name: text from outside, never markup
 * @property {"INGESTING" | "COMPLETE" | "TRUNCATED" | "FAILED"} state
 * @property {number} width
 * @property {number} height
 * @property {number} fps
 * @property {number} frame_count frames committed: indices 0 to frame_count - 1
 * @property {number} first_available_frame the earliest available frame
 * @property {number} duration_ns
 * @property {number} bytes
 * @property {number | null} partition
 * @property {string | null} error
 * @property {string | number | null} started_at
 * @property {string | number | null} ended_at
 * @property {string | number | null} updated_at
 * @property {string} run_id
 * @property {string} codec
 * @property {string} container
 * @property {number | null} estimated_frame_count
 * @property {string} encoding
 * @property {string} sample_aspect_ratio W:H
 */

/** The server is unavailable: wait and retry. */
export class Away extends Error {
  /** @param {string} message @param {number | null} retry_after_seconds from Retry-After, if given */
  constructor(message, retry_after_seconds = null) {
    super(message);
    this.retry_after_seconds = retry_after_seconds;
  }
}

/** The stream or frame never existed. */
export class Missing extends Error {}

/** The stream has another run, or the requested run has no frames yet. */
export class Replaced extends Error {}

/** The request is not possible; the message is the server's sentence. */
export class Refused extends Error {}

/** The frame has expired. */
export class Gone extends Error {
  /** @param {number | null} first_available_frame */
  constructor(first_available_frame) {
    super("expired");
    this.first_available_frame = first_available_frame;
  }
}

/**
 * Fetches; converts failures to the errors above, except an abort.
 * @param {string} url @param {RequestInit} [options]
 */
export async function request(url, options) {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Away(String(error));
  }
  if (response.ok) return response;
  if (response.status === 404) throw new Missing(url);
  if (response.status === 410) {
    const body = await response.json().catch(() => ({}));
    if (body.run_id) throw new Replaced(body.error);
    throw new Gone(body.first_available_frame ?? null);
  }
  if (response.status === 400) throw new Refused((await response.json().catch(() => ({}))).error ?? url);
  throw new Away(`HTTP ${response.status}`, Number(response.headers.get("Retry-After")) || null);
}

/** @param {string} url @param {RequestInit} [options] */
export const json = async (url, options) => (await request(url, options)).json();

/**
 * The wait before the next attempt: doubled from 0.5 s to 5 s, or the server's Retry-After.
 * @param {number} failures consecutive, from 1 @param {unknown} error the last one
 */
export function delayMs(failures, error) {
  const asked = error instanceof Away ? error.retry_after_seconds : null;
  return asked ? Math.min(asked, 30) * 1000 : Math.min(500 * 2 ** (failures - 1), 5000);
}

/**
 * Repeats an action until the server answers; raises all errors other than Away.
 * @template T @param {() => Promise<T>} action @param {(away: boolean) => void} [onAway]
 * @returns {Promise<T>}
 */
export async function persist(action, onAway = () => {}) {
  for (let failures = 0; ; ) {
    try {
      const result = await action();
      if (failures) onAway(false);
      return result;
    } catch (error) {
      if (!(error instanceof Away)) throw error;
      failures += 1;
      onAway(true);
      await new Promise((resolve) => setTimeout(resolve, delayMs(failures, error)));
    }
  }
}

/** The URLs, under the prefix at which the viewer is mounted. @param {string} base ends in `/` */
export function addresses(base) {
  const id = encodeURIComponent;
  return {
    home: base,
    streams: `${base}api/streams`,
    events: `${base}api/events`,
    status: `${base}api/status`,
    watch: (/** @type {string} */ stream) => `${base}streams/${id(stream)}`,
    stream: (/** @type {string} */ stream) => `${base}api/streams/${id(stream)}`,
    position: (/** @type {string} */ stream) => `${base}api/streams/${id(stream)}/position`,
    retention: (/** @type {string} */ stream) => `${base}api/streams/${id(stream)}/retention`,
    /** With a run in the URL, caches may keep the response. */
    index: (/** @type {string} */ stream, /** @type {string} */ run, /** @type {number} */ from, /** @type {number} */ count, stride = 1) =>
      `${base}api/streams/${id(stream)}/index?run=${id(run)}&from=${from}&count=${count}&stride=${stride}`,
    frame: (/** @type {Stream} */ { stream_id, run_id }, /** @type {number} */ frame) =>
      `${base}streams/${id(stream_id)}/frames/${frame}?run=${id(run_id)}`,
    frames: (/** @type {string} */ stream) => `${base}streams/${id(stream)}/frames`,
    room: (/** @type {string} */ name) => ({ url: `${base}api/rooms/${id(name)}`, events: `${base}api/rooms/events` }),
    /** `to` is left out of the clip. */
    clip: (/** @type {string} */ stream, /** @type {string} */ format, /** @type {number} */ from, /** @type {number} */ to) =>
      `${base}streams/${id(stream)}/export.${format}?from=${from}&to=${to}`,
  };
}

/** @returns {string} the URL prefix from the page's template, ending in `/` */
export const base = () => document.documentElement.dataset.base ?? "/";
