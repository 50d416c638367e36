// The player's page: creates the parts and connects them.

import { Missing, addresses as addressesUnder, base, json, persist } from "./common/api.js";
import { follow } from "./common/catalogue-events.js";
import * as words from "./common/messages.js";
import { bind, part } from "./player/controls.js";
import { DecoderClient } from "./player/decoder-client.js";
import { Details } from "./player/frame-details.js";
import { LiveEdgePermit } from "./player/live-edge-permit.js";
import { ExportPanel } from "./player/export-panel.js";
import { FrameFeed } from "./player/frame-feed.js";
import { FrameIndex } from "./player/frame-index.js";
import * as names from "./player/random-names.js";
import { Notice } from "./player/player-notice.js";
import { bindPage } from "./player/page.js";
import { ResumePosition, readAddress, resume } from "./player/resume-position.js";
import { Player } from "./player/player.js";
import { Retention } from "./player/retention.js";
import { Room } from "./player/room.js";
import { bindRoomPanel, followElsewhere, showRoom } from "./player/room-panel.js";
import { FrameCanvas } from "./player/frame-canvas.js";
import { Timeline } from "./player/timeline.js";

/** @typedef {import("./common/api.js").Stream} Stream */

const addresses = addressesUnder(base());
const stream_id = document.body.dataset.stream ?? "";

/** @param {string} text shown over the picture @param {string} [kind] */
function say(text, kind = "busy") {
  const notice = part("notice");
  notice.hidden = !text;
  notice.dataset.kind = kind;
  /** @type {HTMLElement} */ (notice.querySelector("p")).textContent = text;
}

/** The name and the state above the picture. @param {Stream} stream */
function title({ name, state, error }) {
  document.title = `${name} · Framelog`;
  part("name").textContent = name;
  const badge = part("state");
  badge.textContent = words.states[state] ?? state;
  badge.dataset.state = state;
  badge.title = error ?? "";
}

async function start() {
  say(words.player.loading);
  const onAway = (/** @type {boolean} */ away) => say(away ? words.away : words.player.loading);
  const stream = /** @type {Stream} */ (await persist(() => json(addresses.stream(stream_id)), onAway));
  title(stream);
  const address = readAddress(location.search);
  const left_at = address.frame ?? (await resume(addresses.position(stream_id), onAway));
  say("");

  /** @type {Timeline | undefined} */
  let timeline;
  const index = new FrameIndex((run, from, count, stride) => addresses.index(stream_id, run, from, count, stride),
    () => timeline?.redraw());
  const feed = new FrameFeed(new DecoderClient(), addresses.frames(stream_id));
  const screen = new FrameCanvas(/** @type {HTMLCanvasElement} */ (part("screen")));
  const player = new Player(stream, feed, index, screen, new LiveEdgePermit());
  const frameUrl = (/** @type {number} */ frame) => addresses.frame(player.stream, frame);
  timeline = new Timeline(part("timeline"), player, index, frameUrl);
  const notice = new Notice(part("notice"), player);
  bind(player, index, timeline);
  const retention = new Retention(part("edge"), player, addresses.retention(stream_id));
  const details = new Details(part("details"), player, retention, frameUrl);
  const exporter = new ExportPanel(player, index, (format, from, to) => addresses.clip(stream_id, format, from, to));
  bindPage({ player, timeline, notice, details, exporter, roomPanel: bindRoomPanel(address.room) });
  watchTrouble(feed, player, notice);

  if (address.speed !== 1) player.setSpeed(address.speed);
  player.seek(left_at ?? player.first);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  // If the viewer left at the end of an ended stream, show the end; do not start over.
  if (!address.paused && !still && (player.ingesting || player.frame < player.last)) player.play();
  new ResumePosition(addresses.position(stream_id), player, address.room);
  const room = address.room ? enter(address.room, player, index) : null;

  follow(addresses, {
    changed: (streams) => {
      const own = streams.find((candidate) => candidate.stream_id === stream_id);
      if (!own) return;
      title(own);
      player.update(own);
    },
    gone: (ids) => { if (ids.includes(stream_id)) notice.pass(words.player.unknown, "problem"); },
    away: () => {},
  });
  animate(player, timeline, notice, room);
}

/** @param {string} name @param {Player} player @param {FrameIndex} index */
function enter(name, player, index) {
  const room = new Room(name, addresses.room(name), names.guest(), player, index);
  showRoom(name, room);
  followElsewhere(room, (other) => `${addresses.watch(other)}?room=${encodeURIComponent(name)}`);
  return room;
}

/** @param {Player} player @param {Timeline} timeline @param {Notice} notice @param {Room | null} room */
function animate(player, timeline, notice, room) {
  const frame = () => {
    const now_ms = performance.now();
    room?.tick(now_ms);
    player.tick(now_ms);
    timeline.tick();
    notice.tick(now_ms);
    requestAnimationFrame(frame);
  };
  frame();
}

/** @param {FrameFeed} feed @param {Player} player @param {Notice} notice */
function watchTrouble(feed, player, notice) {
  const on = (/** @type {string} */ type, /** @type {(detail: any) => void} */ act) =>
    feed.addEventListener(type, (event) => act(/** @type {CustomEvent} */ (event).detail));
  on("away", ({ busy }) => { notice.trouble = busy ? words.player.busy : words.away; });
  on("back", () => { notice.trouble = ""; });
  on("missing", ({ frame }) => notice.pass(words.player.missing(frame), "problem"));
  on("unreadable", ({ frame }) => notice.pass(words.player.unreadable(frame), "problem"));
  player.addEventListener("expired", (event) =>
    notice.pass(words.player.expired(/** @type {CustomEvent} */ (event).detail)));
}

start().catch((error) => {
  if (!(error instanceof Missing)) throw error;
  part("name").textContent = stream_id;
  for (const id of ["deck", "room-button", "export-button", "details-button", "help-button"]) part(id).hidden = true;
  say(words.player.unknown, "problem");
});
