// The worker behind the pages: one decoder for each stream that is watched.

import { Decoder } from "./decoder.js";
import { Turns } from "./turns.js";

/** Browsers open six connections to a server: two are left for events and all else. */
const WINDOWS_AT_ONCE = 4;

const turns = new Turns(WINDOWS_AT_ONCE);
/** @type {Map<number, Decoder>} */
const decoders = new Map();

self.onmessage = ({ data: { id, open, wish } }) => {
  if (open) {
    const post = (/** @type {object} */ message, /** @type {Transferable[]} */ transfer = []) =>
      postMessage({ id, message }, { transfer });
    decoders.set(id, new Decoder(open.url, open.share, turns, post));
  } else {
    decoders.get(id)?.want(wish);
  }
};
