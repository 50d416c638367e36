// The grid's page: builds the tiles, the grid player and its controls, and updates them.

import { addresses as addressesUnder, base } from "../common/api.js";
import { follow } from "../common/catalogue-events.js";
import * as format from "../common/format.js";
import * as words from "../common/messages.js";
import { bindTransport, bindTyped, part, showTransport, toggleFullscreen, typed } from "../player/controls.js";
import { DecoderClient } from "../player/decoder-client.js";
import { describe, listen } from "../player/keyboard.js";
import { addressFor } from "./grid-address.js";
import { groups } from "./keyboard.js";
import { Tile } from "./tile.js";
import { GridPlayer } from "./grid-player.js";

/** @param {import("./grid-address.js").GridAddress} address */
export function openGrid(address) {
  const addresses = addressesUnder(base());
  const decoders = new DecoderClient();
  const { stream_ids } = address;
  document.title = `${words.grid.title(stream_ids.length)} · Framelog`;
  part("list-view").remove();
  part("grid-view").hidden = false;
  part("grid-title").textContent = words.grid.title(stream_ids.length);

  const template = /** @type {HTMLTemplateElement} */ (part("tile"));
  const tiles = new Map(stream_ids.map((id) => [id, new Tile(id, template, addresses, decoders, 1 / stream_ids.length)]));
  part("wall").dataset.columns = String(Math.ceil(Math.sqrt(stream_ids.length)));
  part("wall").append(...[...tiles.values()].map(({ element }) => element));
  const wall = new GridPlayer([...tiles.values()]);
  bindDeck(wall);
  keepAddress(wall, address);

  let begun = false;
  follow(addresses, {
    changed(streams) {
      for (const stream of streams) tiles.get(stream.stream_id)?.update(stream);
      if (begun) return;
      begun = true;
      const known = new Set(streams.map(({ stream_id }) => stream_id));
      for (const [id, tile] of tiles) if (!known.has(id)) tile.miss();
      begin(wall, address);
    },
    gone(ids) { for (const id of ids) tiles.get(id)?.miss(); },
    away(away) {
      part("grid-away").textContent = away ? words.away : "";
      part("grid-away").hidden = !away;
    },
  });
  const frame = () => {
    wall.tick(performance.now());
    requestAnimationFrame(frame);
  };
  frame();
}

/** @param {GridPlayer} wall @param {import("./grid-address.js").GridAddress} address */
function begin(wall, { pts_ns, speed, paused }) {
  if (speed !== 1) wall.setSpeed(speed);
  void wall.seekTime(pts_ns);
  if (!paused && !matchMedia("(prefers-reduced-motion: reduce)").matches) wall.play();
}

/** @param {GridPlayer} wall */
function bindDeck(wall) {
  const slider = /** @type {HTMLInputElement} */ (part("place"));
  const help = /** @type {HTMLDialogElement} */ (part("help"));
  const toggleHelp = () => (help.open ? help.close() : help.showModal());
  bindTransport(wall);
  slider.addEventListener("input", () => wall.scrub(Number(slider.value) * 1e6));
  slider.addEventListener("change", () => wall.endScrub());
  bindTyped(/** @type {HTMLInputElement} */ (part("time")), words.player.badTime, (text) => {
    const pts_ns = format.parseTime(text);
    if (pts_ns !== null) void wall.seekTime(pts_ns);
    return pts_ns !== null;
  });
  part("fullscreen").addEventListener("click", toggleFullscreen);
  part("help-button").addEventListener("click", toggleHelp);
  const bindings = groups(wall, { toggleHelp, toggleFullscreen, typeTime: () => part("time").focus() });
  describe(/** @type {HTMLElement} */ (help.querySelector(".keys")), bindings);
  listen(undefined, bindings);

  wall.addEventListener("changed", () => {
    showTransport(wall);
    part("voice").textContent = wall.playing ? words.player.playing : words.grid.paused(format.time(wall.place_ns, { exact: true }));
  });
  wall.addEventListener("ticked", () => {
    const place = format.time(wall.place_ns, { exact: true });
    slider.max = String(Math.floor(wall.end_ns / 1e6));
    slider.value = String(Math.floor(wall.place_ns / 1e6));
    slider.setAttribute("aria-valuetext", place);
    typed("time", place);
    part("total-time").textContent = format.time(wall.end_ns);
  });
  showTransport(wall);
}

/** @param {GridPlayer} wall @param {import("./grid-address.js").GridAddress} address */
function keepAddress(wall, { stream_ids }) {
  const save = () => {
    const { place_ns: pts_ns, speed, playing } = wall;
    history.replaceState(history.state, "", addressFor({ stream_ids, pts_ns, speed, paused: !playing }));
  };
  /** @type {number | undefined} */
  let timer;
  const soon = () => {
    timer ??= window.setTimeout(() => {
      timer = undefined;
      if (wall.end_ns) save();
    }, 1000);
  };
  wall.addEventListener("changed", soon);
  wall.addEventListener("ticked", () => { if (wall.playing) soon(); });
}
