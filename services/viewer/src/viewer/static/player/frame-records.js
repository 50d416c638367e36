// The wire format of a window of frames: records, each a fixed big-endian header and the image.

const MAGIC = 0x464c4631; // "FLF1"
const FIXED_BYTES = 88;
const MIME_TYPES = ["", "image/jpeg", "image/png", "image/webp"];

/**
 * @typedef {object} FrameHeader
 * @property {number} frame index in the stream, from 0
 * @property {number} pts_ns
 * @property {number} duration_ns
 * @property {number} offset in Kafka
 * @property {number} partition
 * @property {number} schema_id
 * @property {number} captured_at_us wall clocks, microseconds since 1970
 * @property {number} ingested_at_us
 * @property {number} committed_at_ms Kafka's own timestamp, milliseconds since 1970
 * @property {number} width
 * @property {number} height
 * @property {number} image_bytes
 * @property {number} skipped frames that the server skipped just before this one
 * @property {boolean} is_last
 * @property {string} mime_type
 */

/** @typedef {{header: FrameHeader, image: Uint8Array<ArrayBuffer>}} FrameRecord */

/** Every 64-bit field fits a double exactly: 2^53 ns is 104 days. @param {DataView} view @param {number} at */
const int64 = (view, at) => Number(view.getBigInt64(at));

/** @param {DataView} view at a whole header @returns {FrameHeader} */
function readHeader(view) {
  return {
    mime_type: MIME_TYPES[view.getUint8(6)] ?? "",
    is_last: (view.getUint8(7) & 1) !== 0,
    frame: int64(view, 8),
    pts_ns: int64(view, 16),
    duration_ns: int64(view, 24),
    offset: int64(view, 32),
    captured_at_us: int64(view, 40),
    ingested_at_us: int64(view, 48),
    committed_at_ms: int64(view, 56),
    partition: view.getInt32(64),
    schema_id: view.getInt32(68),
    width: view.getUint32(72),
    height: view.getUint32(76),
    image_bytes: view.getUint32(80),
    skipped: view.getUint32(84),
  };
}

/** Splits a byte stream, in chunks of any size, into records. */
export class RecordParser {
  /** @type {Uint8Array[]} */
  #chunks = [];
  #buffered_bytes = 0;
  #needed_bytes = FIXED_BYTES;

  /**
   * @param {Uint8Array} chunk the next bytes of the response
   * @returns {FrameRecord[]} the complete records; each image owns its bytes
   * @throws {Error} if the bytes are not such records
   */
  push(chunk) {
    this.#chunks.push(chunk);
    this.#buffered_bytes += chunk.length;
    // Joining on every chunk would copy a large image many times over.
    if (this.#buffered_bytes < this.#needed_bytes) return [];

    const bytes = this.#joined();
    const records = [];
    let at = 0;
    this.#needed_bytes = FIXED_BYTES;
    while (bytes.length - at >= FIXED_BYTES) {
      const view = new DataView(bytes.buffer, bytes.byteOffset + at, FIXED_BYTES);
      if (view.getUint32(0) !== MAGIC) throw new Error("not a frame record");
      const header = readHeader(view);
      const image_at = at + view.getUint16(4);
      const end = image_at + header.image_bytes;
      if (bytes.length < end) {
        this.#needed_bytes = end - at;
        break;
      }
      records.push({ header, image: bytes.slice(image_at, end) });
      at = end;
    }
    const rest = bytes.subarray(at);
    this.#chunks = [rest];
    this.#buffered_bytes = rest.length;
    return records;
  }

  /** Whether the stream ended inside a record. */
  get unfinished() {
    return this.#buffered_bytes > 0;
  }

  #joined() {
    if (this.#chunks.length === 1) return this.#chunks[0];
    const bytes = new Uint8Array(this.#buffered_bytes);
    let at = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }
}
