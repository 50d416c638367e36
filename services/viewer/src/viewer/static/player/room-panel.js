// The room's badge above the picture, and the panel to join, share and leave a room.

import * as words from "../common/messages.js";
import { part } from "./controls.js";
import * as names from "./random-names.js";

const say = words.room;

/** The page's URL with another room. @param {string | null} name null: none */
function addressIn(name) {
  const url = new URL(location.href);
  if (name) url.searchParams.set("room", name);
  else url.searchParams.delete("room");
  return url;
}

/** @param {string | null} name of the room that this page is in */
export function bindRoomPanel(name) {
  const dialog = /** @type {HTMLDialogElement} */ (part("room"));
  const field = /** @type {HTMLInputElement} */ (part("room-name"));
  const link = /** @type {HTMLInputElement} */ (part("room-link"));
  for (const [id, inRoom] of /** @type {[string, boolean][]} */ ([["room-join", false], ["room-share", true]])) {
    part(id).hidden = inRoom !== (name !== null);
  }
  part("room-join").addEventListener("submit", (event) => {
    event.preventDefault();
    location.assign(addressIn(field.value.trim()));
  });
  part("room-leave").addEventListener("click", () => location.assign(addressIn(null)));
  part("room-copy").addEventListener("click", async () => {
    link.select();
    // There is no clipboard on plain HTTP except localhost; people can copy the selected text.
    await navigator.clipboard?.writeText(link.value).then(() => { part("room-told").textContent = say.copied; }, () => {});
  });
  return {
    toggle() {
      if (dialog.open) return dialog.close();
      field.value ||= names.room();
      // Others follow the room: the link needs no position.
      if (name) link.value = new URL(`?room=${encodeURIComponent(name)}`, location.href).href;
      part("room-told").textContent = "";
      dialog.showModal();
      (name ? link : field).select();
    },
  };
}

/**
 * Shows who leads the room.
 * @param {string} name @param {import("./room.js").Room} room
 */
export function showRoom(name, room) {
  const badge = part("room-badge");
  const show = () => {
    badge.hidden = false;
    badge.dataset.leading = String(room.leading);
    part("room-who").textContent = room.away ? say.away : room.leading ? say.youLead : room.leader ? say.leads(room.leader) : "";
    part("room-here").textContent = name;
    badge.title = say.title(name, room.me);
    part("voice").textContent = badge.innerText;
  };
  room.addEventListener("changed", show);
  show();
}

/**
 * Handles a room that moves to another stream: asks a person who joins; a member follows.
 * @param {import("./room.js").Room} room @param {(stream_id: string) => string} addressOf a stream in this room
 */
export function followElsewhere(room, addressOf) {
  const dialog = /** @type {HTMLDialogElement} */ (part("room-elsewhere"));
  room.addEventListener("elsewhere", (event) => {
    const { state, fresh } = /** @type {CustomEvent} */ (event).detail;
    const go = () => location.assign(addressOf(state.stream_id));
    if (fresh) return go();
    part("room-other").textContent = say.elsewhere(state.stream_id);
    part("room-go").onclick = go;
    part("room-bring").onclick = () => { dialog.close(); room.lead(); };
    if (!dialog.open) dialog.showModal();
  });
}
