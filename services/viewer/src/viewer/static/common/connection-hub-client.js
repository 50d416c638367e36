// The page's client of the connection hub. Without shared workers, each page has its own hub.

import { BEAT_MS, ConnectionHub } from "./connection-hub.js";

/** Pages of another version may be open: each message format has its own worker name. */
const NAME = "framelog-1";
/** A worker that doesn't answer within this time is not used. */
const PATIENCE_MS = 10_000;

/** @typedef {{opened: () => void, failed: () => void, events: Record<string, (data: any) => void>}} Listener */

class Shared {
  /** @type {MessagePort | null} */
  #port = null;
  /** @type {Map<Listener, import("./connection-hub.js").Wanted>} */
  #listeners = new Map();
  #edge = false;
  #holds_edge = false;
  /** @type {() => void} */
  #onedge = () => {};

  constructor() {
    const alone = () => {
      clearTimeout(patience);
      this.#connect(ownHub());
    };
    const patience = setTimeout(alone, PATIENCE_MS);
    const port = sharedHub(alone);
    if (port) this.#connect(port, () => clearTimeout(patience));
    else alone();
    setInterval(() => { if (this.#listeners.size || this.#edge) this.#say(); }, BEAT_MS);
    addEventListener("pagehide", () => this.#port?.postMessage({ wanted: [], edge: false }));
    addEventListener("pageshow", () => this.#say());
  }

  /** @param {import("./connection-hub.js").Wanted} wanted @param {Listener} listener @returns {() => void} that ends it */
  listen(wanted, listener) {
    this.#listeners.set(listener, wanted);
    this.#say();
    return () => {
      if (this.#listeners.delete(listener)) this.#say();
    };
  }

  /** Requests a live-edge permit, or returns it. @param {boolean} wants @param {() => void} onchange */
  wantEdge(wants, onchange) {
    this.#onedge = onchange;
    if (wants === this.#edge) return;
    this.#edge = wants;
    if (!wants) this.#holds_edge = false;
    this.#say();
  }

  get holdsEdge() { return this.#holds_edge; }

  /** @param {MessagePort} port @param {() => void} [onwelcome] */
  #connect(port, onwelcome = () => {}) {
    this.#port?.close();
    this.#port = port;
    this.#holds_edge = false;
    this.#onedge();
    port.onmessage = ({ data }) => (data.type === "welcome" ? onwelcome() : this.#onMessage(data));
    this.#say();
  }

  #say() {
    this.#port?.postMessage({ wanted: [...this.#listeners.values()], edge: this.#edge });
  }

  /** @param {any} message */
  #onMessage({ type, url, room, name, data, held }) {
    if (type === "edge") {
      this.#holds_edge = this.#edge && held;
      this.#onedge();
      return;
    }
    for (const [listener, wanted] of [...this.#listeners]) {
      if (wanted.url !== url || (room !== null && wanted.room !== room)) continue;
      if (type === "opened") listener.opened();
      else if (type === "failed") listener.failed();
      else listener.events[name]?.(data);
    }
  }
}

/** @param {() => void} onerror @returns {MessagePort | null} */
function sharedHub(onerror) {
  try {
    const worker = new SharedWorker(new URL("connection-hub-worker.js", import.meta.url), { type: "module", name: NAME });
    worker.onerror = onerror;
    return worker.port;
  } catch {
    return null;
  }
}

/** @returns {MessagePort} */
function ownHub() {
  const { port1, port2 } = new MessageChannel();
  new ConnectionHub().connect(port1);
  return port2;
}

/** @type {Shared | null} */
let shared = null;

/** This page's client, created when first needed. */
export const hub = () => (shared ??= new Shared());
