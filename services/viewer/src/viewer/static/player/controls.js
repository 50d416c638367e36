// The controls: buttons, readouts and typed seeks. Shows the player's state.

import * as format from "../common/format.js";
import * as words from "../common/messages.js";
import { SPEEDS } from "./playback-speeds.js";

/** @template {HTMLElement} T @param {string} id @returns {T} */
export const part = (id) => /** @type {T} */ (document.getElementById(id));

/**
 * @param {import("./player.js").Player} player @param {import("./frame-index.js").FrameIndex} index
 * @param {import("./timeline.js").Timeline} timeline
 */
export function bind(player, index, timeline) {
  /** @type {Record<string, () => void>} */
  const actions = {
    live: () => player.goLive(),
    "mark-in": () => player.marks.set("in", player.frame),
    "mark-out": () => player.marks.set("out", player.frame),
    "mark-clear": () => player.marks.clear(),
    "zoom-in": () => timeline.zoom(0.5),
    "zoom-out": () => timeline.zoom(2),
    "zoom-fit": () => timeline.fit(),
  };
  for (const [id, action] of Object.entries(actions)) part(id).addEventListener("click", action);
  bindTransport(player);
  part("screen").addEventListener("click", () => player.toggle());
  bindTyped(part("time"), words.player.badTime, (text) => {
    const pts_ns = format.parseTime(text);
    if (pts_ns === null) return false;
    player.seekTime(pts_ns);
    return true;
  });
  bindTyped(part("frame"), words.player.badFrame, (text) => {
    if (!/^\s*[\d,]+\s*$/.test(text)) return false;
    player.seek(Number(text.replaceAll(",", "")));
    return true;
  });
  const show = () => render(player, index);
  player.addEventListener("painted", show);
  player.addEventListener("changed", show);
  show();
}

/** Binds the buttons that every player has. @param {import("./transport.js").Transport} deck */
export function bindTransport(deck) {
  /** @type {Record<string, () => void>} */
  const actions = {
    play: () => deck.toggle(),
    back: () => deck.step(-1),
    forward: () => deck.step(1),
    "back-10": () => deck.skip(-10),
    "back-1": () => deck.skip(-1),
    "forward-1": () => deck.skip(1),
    "forward-10": () => deck.skip(10),
    reverse: () => deck.reverse(),
  };
  for (const [id, action] of Object.entries(actions)) part(id).addEventListener("click", action);
  const select = /** @type {HTMLSelectElement} */ (part("speed"));
  select.append(...SPEEDS.map((speed) => new Option(`${speed}×`, String(speed))));
  select.addEventListener("change", () => deck.setSpeed(Number(select.value) * Math.sign(deck.speed)));
}

/** Updates these buttons. @param {import("./transport.js").Transport} deck */
export function showTransport({ playing, speed }) {
  document.body.classList.toggle("is-playing", playing);
  part("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  /** @type {HTMLSelectElement} */ (part("speed")).value = String(Math.abs(speed));
  part("reverse").setAttribute("aria-pressed", String(speed < 0));
}

/**
 * An editable readout: Enter seeks, Escape or losing the focus cancels.
 * @param {HTMLInputElement} input @param {string} complaint @param {(text: string) => boolean} accept
 */
export function bindTyped(input, complaint, accept) {
  input.addEventListener("focus", () => input.select());
  input.addEventListener("input", () => input.setCustomValidity(""));
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") input.blur();
    if (event.key !== "Enter") return;
    if (accept(input.value)) {
      input.blur();
    } else {
      input.setCustomValidity(complaint);
      input.reportValidity();
    }
  });
  input.addEventListener("blur", () => input.setCustomValidity(""));
}

/** @param {import("./player.js").Player} player @param {import("./frame-index.js").FrameIndex} index */
function render(player, index) {
  const { frame, last, live, ingesting, marks } = player;
  part("deck").toggleAttribute("inert", !player.watchable);
  /** @type {HTMLButtonElement} */ (part("export-button")).disabled = !player.watchable;
  showTransport(player);
  typed("time", format.time(index.ptsOf(frame), { exact: true }));
  typed("frame", format.count(frame));
  part("total-time").textContent = format.time(index.end_ns);
  part("total-frames").textContent = format.count(last);
  part("mark-in").setAttribute("aria-pressed", String(marks.in !== null));
  part("mark-out").setAttribute("aria-pressed", String(marks.out !== null));
  part("mark-clear").hidden = !marks.any;
  const edge = part("live");
  edge.hidden = !ingesting;
  edge.setAttribute("aria-pressed", String(live));
  part("behind").textContent = live || player.behind_ns < 1e9 ? words.player.live : words.player.behind(player.behind_ns);
}

/** Shows a value unless the field is being edited. @param {string} id @param {string} value */
export function typed(id, value) {
  const input = /** @type {HTMLInputElement} */ (part(id));
  if (document.activeElement !== input && input.value !== value) input.value = value;
}

export function toggleFullscreen() {
  if (document.fullscreenElement) void document.exitFullscreen();
  else void document.documentElement.requestFullscreen?.().catch(() => {});
}
