// The web worker that decodes: one decoder for each stream.

import { StreamDecoder } from "./stream-decoder.js";
import { ConcurrencyLimit } from "./concurrency-limit.js";

/** Browsers open six connections to a server: two remain for events and other requests. */
const WINDOWS_AT_ONCE = 4;

const limit = new ConcurrencyLimit(WINDOWS_AT_ONCE);
/** @type {Map<number, StreamDecoder>} */
const decoders = new Map();

self.onmessage = ({ data: { id, open, wish } }) => {
  if (open) {
    const post = (/** @type {object} */ message, /** @type {Transferable[]} */ transfer = []) =>
      postMessage({ id, message }, { transfer });
    decoders.set(id, new StreamDecoder(open.url, open.share, limit, post));
  } else {
    decoders.get(id)?.want(wish);
  }
};
