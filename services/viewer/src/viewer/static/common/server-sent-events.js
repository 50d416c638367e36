// Server-sent events, for as long as a page is visible.

import { hub } from "./connection-hub-client.js";

const HIDDEN_MS = 30_000;

/**
 * Subscribes, and reconnects after a lost connection. All pages of a browser share connections; a
 * page that stays hidden needs none.
 * @param {string} url @param {string | null} room its name, for events of rooms
 * @param {object} on
 * @param {() => void} on.opened
 * @param {() => void} on.failed lost or refused; it will retry
 * @param {Record<string, (data: any) => void>} on.events the handler of each event type
 */
export function subscribe(url, room, on) {
  const wanted = { url: new URL(url, location.href).href, room };
  /** @type {(() => void) | null} */
  let leave = null;
  /** @type {number | undefined} */
  let timer;

  const join = () => {
    clearTimeout(timer);
    leave ??= hub().listen(wanted, on);
  };
  const rest = () => {
    leave?.();
    leave = null;
  };
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) timer = window.setTimeout(rest, HIDDEN_MS);
    else join();
  });
  join();
}
