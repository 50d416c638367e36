// An exported clip's file name and estimated size. Pure.

/** @typedef {"mp4" | "zip" | "avro"} Format */

/** Overhead of each frame in a file: an index, ZIP entries, record fields. @type {Record<Format, number>} */
const FRAME_OVERHEAD_BYTES = { mp4: 50, zip: 135, avro: 225 };

/**
 * A file name for every system: no separators, no control or direction characters.
 * @param {string} name of the stream @param {number} from @param {number} to both included @param {Format} format
 */
export function fileName(name, from, to, format) {
  const stem = name.replace(/\.[^.]{1,5}$/, "").replace(/[\p{C}\\/:*?"<>|]+/gu, " ").replace(/^[\s.]+|\s+$/g, "").replace(/\s+/g, " ");
  return `${stem.slice(0, 80) || "clip"} ${from}-${to}.${format}`;
}

/** The estimated size of the file. @param {Format} format @param {number} frames @param {number} images_bytes of all their images */
export const sizeBytes = (format, frames, images_bytes) => images_bytes + frames * FRAME_OVERHEAD_BYTES[format];
