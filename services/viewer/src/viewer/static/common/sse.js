// Server-sent events for as long as a page is looked at.

const REVIVE_MS = 3000;
const HIDDEN_MS = 30_000;

/**
 * Connects, and again whenever the connection is lost. A page hidden for long gives its connection
 * back: browsers open six to a server for all their tabs together.
 * @param {string} url
 * @param {object} on
 * @param {() => void} on.opened
 * @param {() => void} on.failed lost, or refused; trying again
 * @param {Record<string, (data: any) => void>} on.events what to do with each type of event
 */
export function subscribe(url, { opened, failed, events }) {
  /** @type {EventSource | null} */
  let source = null;
  /** @type {number | undefined} */
  let timer;

  const open = () => {
    clearTimeout(timer);
    if (source && source.readyState !== EventSource.CLOSED) return;
    source = new EventSource(url);
    source.addEventListener("open", opened);
    source.addEventListener("error", () => {
      failed();
      // Refused, not lost: the browser leaves it at that.
      if (source?.readyState === EventSource.CLOSED) wait(open, REVIVE_MS);
    });
    for (const [type, act] of Object.entries(events)) {
      source.addEventListener(type, (event) => act(JSON.parse(/** @type {MessageEvent} */ (event).data)));
    }
  };
  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const wait = (/** @type {() => void} */ act, /** @type {number} */ ms) => {
    clearTimeout(timer);
    timer = window.setTimeout(act, ms);
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? wait(close, HIDDEN_MS) : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
}
