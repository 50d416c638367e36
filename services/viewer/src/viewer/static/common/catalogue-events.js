// Follows the catalogue: by server-sent events, or by polling while those don't work.

import { json } from "./api.js";
import { subscribe } from "./server-sent-events.js";

/** @typedef {import("./api.js").Stream} Stream */

const POLL_MS = 3000;

/**
 * Follows the catalogue for as long as the page lives.
 * @param {ReturnType<typeof import("./api.js").addresses>} addresses
 * @param {object} on
 * @param {(streams: Stream[]) => void} on.changed first all streams, then the changed ones
 * @param {(stream_ids: string[]) => void} on.gone
 * @param {(away: boolean) => void} on.away whether the server can't be reached
 */
export function follow(addresses, on) {
  let connected = false;
  /** @type {number | undefined} */
  let timer;

  // If events are late, poll: something may block them.
  timer = window.setTimeout(poll, POLL_MS);
  subscribe(addresses.events, null, {
    opened() {
      connected = true;
      clearTimeout(timer);
      timer = undefined;
      on.away(false);
    },
    failed() {
      if (connected) clearTimeout(timer);
      if (connected || timer === undefined) timer = window.setTimeout(poll, 1000);
      connected = false;
    },
    events: {
      streams: (data) => on.changed(data.streams),
      gone: (data) => on.gone(data.stream_ids),
    },
  });

  /** One plain request: distinguishes "no events" from "no server". */
  async function poll() {
    try {
      on.changed((await json(addresses.streams)).streams);
      on.away(false);
    } catch {
      on.away(true);
    }
    timer = connected ? undefined : window.setTimeout(poll, POLL_MS);
  }
}
