// What all pages of a browser share: event streams and live-edge connections. A browser opens only six
// HTTP/1.1 connections to a server for all its pages together, and each of these occupies one.

import { merged } from "../streams/stream-filter.js";

/**
 * @typedef {object} Wanted an event stream that a page subscribes to
 * @property {string} url of events, absolute
 * @property {string | null} room the room's name, if `url` has events of rooms
 *
 * @typedef {object} State what a page wants now; repeated every BEAT_MS
 * @property {Wanted[]} wanted
 * @property {boolean} edge whether it wants a connection to a live edge
 *
 * @typedef {object} Source
 * @property {EventSource} source
 * @property {string} address the url, with the rooms
 * @property {import("./api.js").Stream[]} streams as last received
 * @property {boolean} whole whether the next list is of all streams
 * @property {Map<string, {data: any, at_ms: number}>} rooms as last received, and when
 * @property {ReturnType<typeof setTimeout> | undefined} timer
 */

export const BEAT_MS = 2000;
/** A page that has sent nothing for this long is gone: a crashed tab does not say goodbye. */
const SILENT_MS = 10_000;
const REVIVE_MS = 3000;
/** Connections for live edges, of the six; the others are for events, rooms and windows. */
const EDGES = 2;
/** The most rooms for one connection; the server rejects a request for more. */
const MOST_ROOMS = 32;

export class ConnectionHub {
  /** @type {Map<MessagePort, State & {heard_ms: number}>} in order of arrival */
  #pages = new Map();
  /** The pages that hold a live-edge permit. @type {Set<MessagePort>} */
  #edges = new Set();
  /** By the address without the rooms. @type {Map<string, Source>} */
  #sources = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #open;

  /** @param {(url: string) => EventSource} open */
  constructor(open = (url) => new EventSource(url)) {
    this.#open = open;
  }

  /** Serves a page for as long as it repeats what it wants. @param {MessagePort} port */
  connect(port) {
    port.onmessage = ({ data }) => this.#onMessage(port, data);
    port.postMessage({ type: "welcome" });
  }

  /** @param {MessagePort} port @param {State} state */
  #onMessage(port, state) {
    const known = this.#pages.get(port);
    const before = known?.wanted ?? [];
    this.#pages.set(port, { ...state, heard_ms: performance.now() });
    if (!state.wanted.length && !state.edge) this.#pages.delete(port);
    this.#settle();
    if (state.edge && !known?.edge) port.postMessage({ type: "edge", held: this.#edges.has(port) });
    for (const wanted of state.wanted) if (!before.some((old) => isSame(old, wanted))) this.#greet(port, wanted);
  }

  /** Opens wanted sources, closes unwanted ones, and gives permits to waiting pages. */
  #settle() {
    const now_ms = performance.now();
    for (const [port, { heard_ms }] of this.#pages) if (now_ms - heard_ms > SILENT_MS) this.#pages.delete(port);
    this.#takeTurns();
    const wanted = [...this.#pages.values()].flatMap((page) => page.wanted);
    const urls = new Set(wanted.map(({ url }) => url));
    for (const url of this.#sources.keys()) if (!urls.has(url)) this.#close(url);
    for (const url of urls) {
      const rooms = [...new Set(wanted.flatMap((each) => (each.url === url && each.room !== null ? [each.room] : [])))];
      const query = rooms.slice(0, MOST_ROOMS).sort().map((room) => `room=${encodeURIComponent(room)}`).join("&");
      this.#listen(url, query ? `${url}?${query}` : url);
    }
    clearTimeout(this.#timer);
    // Run again, to notice pages that vanish.
    if (this.#pages.size) this.#timer = setTimeout(() => this.#settle(), BEAT_MS);
  }

  #takeTurns() {
    for (const port of this.#edges) {
      if (this.#pages.get(port)?.edge) continue;
      this.#edges.delete(port);
      port.postMessage({ type: "edge", held: false });
    }
    for (const [port, { edge }] of this.#pages) {
      if (!edge || this.#edges.has(port) || this.#edges.size >= EDGES) continue;
      this.#edges.add(port);
      port.postMessage({ type: "edge", held: true });
    }
  }

  /** @param {string} url @param {string} address the same, with the rooms */
  #listen(url, address) {
    const known = this.#sources.get(url);
    if (known?.address === address) return;
    this.#close(url);
    const source = this.#open(address);
    /** @type {Source} */
    const own = { source, address, streams: known?.streams ?? [], whole: true, rooms: new Map(), timer: undefined };
    this.#sources.set(url, own);
    source.addEventListener("open", () => {
      own.whole = true;
      this.#tell(url, null, { type: "opened" });
    });
    source.addEventListener("error", () => {
      this.#tell(url, null, { type: "failed" });
      // Refused, not lost: the browser does not retry.
      if (source.readyState === 2) own.timer = setTimeout(() => this.#revive(own), REVIVE_MS);
    });
    const on = (/** @type {string} */ name, /** @type {(data: any) => void} */ act) =>
      source.addEventListener(name, (event) => act(JSON.parse(/** @type {MessageEvent} */ (event).data)));
    on("streams", (data) => this.#streams(url, own, data.streams));
    on("gone", (data) => this.#gone(url, own, data.stream_ids));
    on("room", (data) => {
      own.rooms.set(data.room, { data, at_ms: performance.now() });
      this.#tell(url, data.room, { type: "event", name: "room", data });
    });
  }

  /** @param {string} url @param {Source} own @param {import("./api.js").Stream[]} streams */
  #streams(url, own, streams) {
    if (own.whole) {
      const there = new Set(streams.map(({ stream_id }) => stream_id));
      const gone = own.streams.map(({ stream_id }) => stream_id).filter((id) => !there.has(id));
      if (gone.length) this.#gone(url, own, gone);
    }
    own.streams = own.whole ? streams : merged(own.streams, streams);
    own.whole = false;
    this.#tell(url, null, { type: "event", name: "streams", data: { streams } });
  }

  /** @param {string} url @param {Source} own @param {string[]} stream_ids */
  #gone(url, own, stream_ids) {
    const gone = new Set(stream_ids);
    own.streams = own.streams.filter(({ stream_id }) => !gone.has(stream_id));
    this.#tell(url, null, { type: "event", name: "gone", data: { stream_ids } });
  }

  /** Sends a new page what the others have received. @param {MessagePort} port @param {Wanted} wanted */
  #greet(port, { url, room }) {
    const own = this.#sources.get(url);
    if (!own || own.source.readyState !== 1) return;
    port.postMessage({ type: "opened", url, room });
    const tell = (/** @type {string} */ name, /** @type {any} */ data) =>
      port.postMessage({ type: "event", url, room, name, data });
    const place = room === null ? undefined : own.rooms.get(room);
    if (place) tell("room", { ...place.data, age_us: place.data.age_us + (performance.now() - place.at_ms) * 1000 });
    if (room === null && !own.whole) tell("streams", { streams: own.streams });
  }

  /** @param {string} url @param {string | null} room null: to all subscribers of the url @param {object} message */
  #tell(url, room, message) {
    for (const [port, { wanted }] of this.#pages) {
      const listens = wanted.some((each) => each.url === url && (room === null || each.room === room));
      if (listens) port.postMessage({ url, room, ...message });
    }
  }

  /** @param {Source} own */
  #revive(own) {
    own.address = "";
    this.#settle();
  }

  /** @param {string} url */
  #close(url) {
    const own = this.#sources.get(url);
    clearTimeout(own?.timer);
    own?.source.close();
    this.#sources.delete(url);
  }
}

/** @param {Wanted} one @param {Wanted} other */
const isSame = (one, other) => one.url === other.url && one.room === other.room;
