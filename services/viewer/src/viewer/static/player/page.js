// The player's page around the player: dialogs, details, full screen, screen-reader messages.

import * as words from "../common/messages.js";
import { part, toggleFullscreen } from "./controls.js";
import { describe, listen } from "./keyboard.js";
import { addressFor } from "./resume-position.js";

/**
 * @param {object} parts
 * @param {import("./player.js").Player} parts.player @param {import("./timeline.js").Timeline} parts.timeline
 * @param {import("./player-notice.js").Notice} parts.notice @param {import("./frame-details.js").Details} parts.details
 * @param {{toggle: () => void}} parts.exporter @param {{toggle: () => void}} parts.roomPanel
 */
export function bindPage({ player, timeline, notice, details, exporter, roomPanel }) {
  const help = /** @type {HTMLDialogElement} */ (part("help"));
  describe(/** @type {HTMLElement} */ (help.querySelector(".keys")));
  const toggleHelp = () => (help.open ? help.close() : help.showModal());
  const toggleDetails = () => part("details-button").setAttribute("aria-expanded", String(details.toggle()));
  const copyLink = () => {
    const query = addressFor({ frame: player.shown, speed: player.speed, paused: true, room: null });
    const link = new URL(query, location.href).href;
    // There is no clipboard on plain HTTP except localhost; the address bar has the same link.
    void navigator.clipboard?.writeText(link).then(() => notice.pass(words.player.copied), () => {});
  };
  part("details-button").addEventListener("click", toggleDetails);
  part("details-close").addEventListener("click", () => {
    toggleDetails();
    part("details-button").focus();
  });
  part("help-button").addEventListener("click", toggleHelp);
  part("export-button").addEventListener("click", () => exporter.toggle());
  for (const id of ["room-button", "room-badge"]) part(id).addEventListener("click", () => roomPanel.toggle());
  part("fullscreen").addEventListener("click", toggleFullscreen);
  for (const dialog of document.querySelectorAll("dialog")) {
    // A click outside a dialog is a click on its backdrop.
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  }
  listen({
    player, timeline, toggleDetails, toggleHelp, toggleFullscreen, copyLink,
    toggleExport: () => exporter.toggle(),
    toggleRoom: () => roomPanel.toggle(),
    typeFrame: () => part("frame").focus(),
    typeTime: () => part("time").focus(),
  });
  announce(player);
}

/** Announces changes to screen readers; not every frame. @param {import("./player.js").Player} player */
function announce(player) {
  const voice = part("voice");
  player.addEventListener("changed", () => {
    const speed = player.speed === 1 ? "" : `, ${words.player.speed(player.speed)}`;
    const text = player.live ? words.player.live
      : player.playing ? words.player.playing + speed : words.player.paused(player.frame);
    if (!player.scrubbing && voice.textContent !== text) voice.textContent = text;
  });
}
