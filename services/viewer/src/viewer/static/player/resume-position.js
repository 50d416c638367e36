// The viewer's position: in the page's URL, and on the server for the next visit.

import { json, persist } from "../common/api.js";
import { isSpeed } from "./playback-speeds.js";

const SAVE_EVERY_MS = 1000;

/** @typedef {{frame: number | null, speed: number, paused: boolean, room: string | null}} Address room: its name, if in one */

/** @param {string} search the page's query @returns {Address} */
export function readAddress(search) {
  const query = new URLSearchParams(search);
  const frame = /^\d{1,15}$/.test(query.get("frame") ?? "") ? Number(query.get("frame")) : null;
  const speed = Number(query.get("speed") ?? 1);
  // A room's name is part of a URL: other characters are replaced by a dash.
  const room = query.get("room")?.replace(/[/\p{C}]/gu, "-").slice(0, 64) || null;
  return { frame, speed: isSpeed(speed) ? speed : 1, paused: query.has("paused"), room };
}

/** @param {Address} address @returns {string} the query for it */
export function addressFor({ frame, speed, paused, room }) {
  const place = frame === null ? [] : [`frame=${frame}`];
  const parts = [...place, speed === 1 ? "" : `speed=${speed}`, paused ? "paused" : "", room ? `room=${encodeURIComponent(room)}` : ""];
  return `?${parts.filter(Boolean).join("&")}`;
}

/** Saves the player's position from now on. */
export class ResumePosition {
  #url;
  #player;
  #room;
  #saved = "";
  #saved_ms = 0;
  /** @type {number | undefined} */
  #timer;

  /**
   * @param {string} url of the position @param {import("./player.js").Player} player
   * @param {string | null} room that stays in the address
   */
  constructor(url, player, room) {
    this.#url = url;
    this.#room = room;
    this.#player = player;
    player.addEventListener("painted", () => this.#soon(player.playing ? SAVE_EVERY_MS : 150));
    player.addEventListener("changed", () => this.#soon(150));
    // A beacon outlives the page. On phones, hiding is the last event that a page gets.
    addEventListener("pagehide", () => this.#beacon());
    document.addEventListener("visibilitychange", () => document.hidden && this.#beacon());
  }

  /** @param {number} wait_ms at most, until the place is saved */
  #soon(wait_ms) {
    if (this.#timer !== undefined) return;
    const wait = Math.max(wait_ms, this.#saved_ms + SAVE_EVERY_MS / 2 - performance.now());
    this.#timer = window.setTimeout(() => {
      this.#timer = undefined;
      this.#save();
    }, wait);
  }

  #body() {
    return JSON.stringify({ frame: this.#player.shown });
  }

  #save() {
    if (this.#player.shown < 0) return;
    this.#saved_ms = performance.now();
    history.replaceState(history.state, "", addressFor({
      frame: this.#player.shown, speed: this.#player.speed, paused: !this.#player.playing, room: this.#room,
    }));
    const body = this.#body();
    if (body === this.#saved) return;
    this.#saved = body;
    const headers = { "Content-Type": "application/json" };
    // Ignore a failed save: the next one follows soon.
    json(this.#url, { method: "PUT", body, headers, keepalive: true }).catch(() => { this.#saved = ""; });
  }

  #beacon() {
    if (this.#player.shown < 0 || this.#body() === this.#saved) return;
    navigator.sendBeacon(this.#url, new Blob([this.#body()], { type: "application/json" }));
  }
}

/**
 * Where this browser left the stream. Waits for a server that is away: guessing would overwrite the place.
 * @param {string} url of the position @param {(away: boolean) => void} onAway
 * @returns {Promise<number | null>}
 */
export async function resume(url, onAway) {
  const { frame } = await persist(() => json(url), onAway);
  return frame;
}
