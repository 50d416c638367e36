// The catalogue as it changes: server-sent events, and plain polling while those don't come.

import { json } from "./api.js";

/** @typedef {import("./api.js").Stream} Stream */

const POLL_MS = 3000;

/**
 * Follows the catalogue for as long as the page lives.
 * @param {ReturnType<typeof import("./api.js").addresses>} addresses
 * @param {object} on
 * @param {(streams: Stream[]) => void} on.changed all at first, then those that changed
 * @param {(stream_ids: string[]) => void} on.gone
 * @param {(away: boolean) => void} on.away whether the server can't be reached at the moment
 */
export function follow(addresses, on) {
  /** @type {number | undefined} */
  let timer;
  let source = connect();

  function connect() {
    const events = new EventSource(addresses.events);
    events.addEventListener("open", () => {
      clearTimeout(timer);
      timer = undefined;
      on.away(false);
    });
    events.addEventListener("streams", (event) => on.changed(JSON.parse(event.data).streams));
    events.addEventListener("gone", (event) => on.gone(JSON.parse(event.data).stream_ids));
    events.addEventListener("error", () => {
      timer ??= window.setTimeout(poll, 1000);
    });
    return events;
  }

  /** One plain request: tells "no events" from "no server", and revives events that gave up. */
  async function poll() {
    try {
      on.changed((await json(addresses.streams)).streams);
      on.away(false);
    } catch {
      on.away(true);
    }
    if (source.readyState === EventSource.CLOSED) source = connect();
    timer = source.readyState === EventSource.OPEN ? undefined : window.setTimeout(poll, POLL_MS);
  }

  // A hidden page on its way out must not keep one of the browser's few connections.
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => {
    if (event.persisted) source = connect();
  });
}
