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
  const gridPlayer = new GridPlayer([...tiles.values()]);
  bindDeck(gridPlayer);
  keepAddress(gridPlayer, address);

  let begun = false;
  follow(addresses, {
    changed(streams) {
      for (const stream of streams) tiles.get(stream.stream_id)?.update(stream);
      if (begun) return;
      begun = true;
      const known = new Set(streams.map(({ stream_id }) => stream_id));
      for (const [id, tile] of tiles) if (!known.has(id)) tile.miss();
      begin(gridPlayer, address);
    },
    gone(ids) { for (const id of ids) tiles.get(id)?.miss(); },
    away(away) {
      part("grid-away").textContent = away ? words.away : "";
      part("grid-away").hidden = !away;
    },
  });
  const frame = () => {
    gridPlayer.tick(performance.now());
    requestAnimationFrame(frame);
  };
  frame();
}

/** @param {GridPlayer} gridPlayer @param {import("./grid-address.js").GridAddress} address */
function begin(gridPlayer, { pts_ns, speed, paused }) {
  if (speed !== 1) gridPlayer.setSpeed(speed);
  void gridPlayer.seekTime(pts_ns);
  if (!paused && !matchMedia("(prefers-reduced-motion: reduce)").matches) gridPlayer.play();
}

/** @param {GridPlayer} gridPlayer */
function bindDeck(gridPlayer) {
  const slider = /** @type {HTMLInputElement} */ (part("place"));
  const help = /** @type {HTMLDialogElement} */ (part("help"));
  const toggleHelp = () => (help.open ? help.close() : help.showModal());
  bindTransport(gridPlayer);
  slider.addEventListener("input", () => gridPlayer.scrub(Number(slider.value) * 1e6));
  slider.addEventListener("change", () => gridPlayer.endScrub());
  bindTyped(/** @type {HTMLInputElement} */ (part("time")), words.player.badTime, (text) => {
    const pts_ns = format.parseTime(text);
    if (pts_ns !== null) void gridPlayer.seekTime(pts_ns);
    return pts_ns !== null;
  });
  part("fullscreen").addEventListener("click", toggleFullscreen);
  part("help-button").addEventListener("click", toggleHelp);
  const bindings = groups(gridPlayer, { toggleHelp, toggleFullscreen, typeTime: () => part("time").focus() });
  describe(/** @type {HTMLElement} */ (help.querySelector(".keys")), bindings);
  listen(undefined, bindings);

  gridPlayer.addEventListener("changed", () => {
    showTransport(gridPlayer);
    part("voice").textContent = gridPlayer.playing ? words.player.playing : words.grid.paused(format.time(gridPlayer.place_ns, { exact: true }));
  });
  gridPlayer.addEventListener("ticked", () => {
    const place = format.time(gridPlayer.place_ns, { exact: true });
    slider.max = String(Math.floor(gridPlayer.end_ns / 1e6));
    slider.value = String(Math.floor(gridPlayer.place_ns / 1e6));
    slider.setAttribute("aria-valuetext", place);
    typed("time", place);
    part("total-time").textContent = format.time(gridPlayer.end_ns);
  });
  showTransport(gridPlayer);
}

/** @param {GridPlayer} gridPlayer @param {import("./grid-address.js").GridAddress} address */
function keepAddress(gridPlayer, { stream_ids }) {
  const save = () => {
    const { place_ns: pts_ns, speed, playing } = gridPlayer;
    history.replaceState(history.state, "", addressFor({ stream_ids, pts_ns, speed, paused: !playing }));
  };
  /** @type {number | undefined} */
  let timer;
  const soon = () => {
    timer ??= window.setTimeout(() => {
      timer = undefined;
      if (gridPlayer.end_ns) save();
    }, 1000);
  };
  gridPlayer.addEventListener("changed", soon);
  gridPlayer.addEventListener("ticked", () => { if (gridPlayer.playing) soon(); });
}
