// Keyboard shortcuts: one table defines the keys and the help dialog.

/**
 * @typedef {object} Binding
 * @property {string[]} keys as KeyboardEvent.key says them
 * @property {string} shown how the help names them
 * @property {string} does
 * @property {(deck: Deck, key: string) => void} act
 *
 * @typedef {object} Deck what keys can reach
 * @property {import("./player.js").Player} player
 * @property {import("./timeline.js").Timeline} timeline
 * @property {() => void} toggleDetails
 * @property {() => void} toggleHelp
 * @property {() => void} toggleExport
 * @property {() => void} toggleRoom
 * @property {() => void} toggleFullscreen
 * @property {() => void} copyLink
 * @property {() => void} typeFrame
 * @property {() => void} typeTime
 */

/** @type {{group: string, bindings: Binding[]}[]} */
export const GROUPS = [
  { group: "Playing", bindings: [
    { keys: [" ", "k"], shown: "Space or k", does: "Play or pause", act: ({ player }) => player.toggle() },
    { keys: ["<"], shown: "<", does: "Slower", act: ({ player }) => player.changeSpeed(-1) },
    { keys: [">"], shown: ">", does: "Faster", act: ({ player }) => player.changeSpeed(1) },
    { keys: ["r"], shown: "r", does: "Reverse the direction", act: ({ player }) => player.reverse() },
    { keys: ["e"], shown: "e", does: "Go to the live edge", act: ({ player }) => player.goLive() },
  ] },
  { group: "Moving", bindings: [
    { keys: [","], shown: ",", does: "One frame back", act: ({ player }) => player.step(-1) },
    { keys: ["."], shown: ".", does: "One frame forward", act: ({ player }) => player.step(1) },
    { keys: ["ArrowLeft"], shown: "←", does: "Back 1 second", act: ({ player }) => player.skip(-1) },
    { keys: ["ArrowRight"], shown: "→", does: "Forward 1 second", act: ({ player }) => player.skip(1) },
    { keys: ["j"], shown: "j", does: "Back 10 seconds", act: ({ player }) => player.skip(-10) },
    { keys: ["l"], shown: "l", does: "Forward 10 seconds", act: ({ player }) => player.skip(10) },
    { keys: ["Home"], shown: "Home", does: "First frame", act: ({ player }) => player.seek(player.first) },
    { keys: ["End"], shown: "End", does: "Last frame", act: ({ player }) => player.seek(player.last) },
    { keys: [..."0123456789"], shown: "0 – 9", does: "Go to 0 % – 90 % of the stream",
      act: ({ player }, key) => player.seek(player.first + ((player.last - player.first) * Number(key)) / 10) },
    { keys: ["g"], shown: "g", does: "Enter a frame number", act: (deck) => deck.typeFrame() },
    { keys: ["t"], shown: "t", does: "Enter a time", act: (deck) => deck.typeTime() },
  ] },
  { group: "Marks and timeline", bindings: [
    { keys: ["i"], shown: "i", does: "Start the loop here", act: ({ player }) => player.marks.set("in", player.frame) },
    { keys: ["o"], shown: "o", does: "End the loop here", act: ({ player }) => player.marks.set("out", player.frame) },
    { keys: ["x"], shown: "x", does: "Clear the loop", act: ({ player }) => player.marks.clear() },
    { keys: ["+", "="], shown: "+", does: "Zoom the timeline in", act: ({ timeline }) => timeline.zoom(0.5) },
    { keys: ["-"], shown: "−", does: "Zoom the timeline out", act: ({ timeline }) => timeline.zoom(2) },
    { keys: ["z"], shown: "z", does: "Show the whole stream on the timeline", act: ({ timeline }) => timeline.fit() },
  ] },
  { group: "Page", bindings: [
    { keys: ["d"], shown: "d", does: "Show or hide the frame's details", act: (deck) => deck.toggleDetails() },
    { keys: ["s"], shown: "s", does: "Export a clip", act: (deck) => deck.toggleExport() },
    { keys: ["w"], shown: "w", does: "Open or join a room", act: (deck) => deck.toggleRoom() },
    { keys: ["f"], shown: "f", does: "Full screen", act: (deck) => deck.toggleFullscreen() },
    { keys: ["c"], shown: "c", does: "Copy a link to this frame", act: (deck) => deck.copyLink() },
    { keys: ["?"], shown: "?", does: "Show these shortcuts", act: (deck) => deck.toggleHelp() },
  ] },
];

/** Whether a key belongs to the focused element. @param {KeyboardEvent} event */
function isTaken({ target, key }) {
  if (!(target instanceof HTMLElement)) return false;
  const dialog = target.closest("dialog[open]");
  if (dialog) return dialog.id !== "help" || key !== "?";
  if (target.matches("input:not([type=range]), select")) return true;
  // These keys press a focused button or link.
  return target.matches("button, a, summary") && (key === " " || key === "Enter");
}

/** @param {any} deck what the bindings act on @param {typeof GROUPS} [groups] */
export function listen(deck, groups = GROUPS) {
  const actions = new Map(groups.flatMap(({ bindings }) => bindings).flatMap(({ keys, act }) => keys.map((key) => [key, act])));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTaken(event)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const act = actions.get(key);
    if (!act) return;
    event.preventDefault();
    act(deck, key);
  });
}

/** Fills the help dialog's list. @param {HTMLElement} list @param {typeof GROUPS} [groups] */
export function describe(list, groups = GROUPS) {
  for (const { group, bindings } of groups) {
    const section = document.createElement("section");
    const heading = document.createElement("h3");
    heading.textContent = group;
    const terms = document.createElement("dl");
    for (const { shown, does } of bindings) {
      const key = document.createElement("dt");
      key.append(...shown.split(" or ").flatMap((name, i) => [...(i ? [" or "] : []), keycap(name)]));
      const meaning = document.createElement("dd");
      meaning.textContent = does;
      terms.append(key, meaning);
    }
    section.append(heading, terms);
    list.append(section);
  }
}

/** @param {string} name */
function keycap(name) {
  const cap = document.createElement("kbd");
  cap.textContent = name;
  return cap;
}
