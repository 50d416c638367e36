// The grid's keyboard shortcuts: those of the player that work for several streams.

/**
 * @param {import("./grid-player.js").GridPlayer} gridPlayer
 * @param {{toggleHelp: () => void, toggleFullscreen: () => void, typeTime: () => void}} page
 * @returns {{group: string, bindings: import("../player/keyboard.js").Binding[]}[]}
 */
export function groups(gridPlayer, { toggleHelp, toggleFullscreen, typeTime }) {
  return [
    { group: "Playing", bindings: [
      { keys: [" ", "k"], shown: "Space or k", does: "Play or pause", act: () => gridPlayer.toggle() },
      { keys: ["<"], shown: "<", does: "Slower", act: () => gridPlayer.changeSpeed(-1) },
      { keys: [">"], shown: ">", does: "Faster", act: () => gridPlayer.changeSpeed(1) },
      { keys: ["r"], shown: "r", does: "Reverse the direction", act: () => gridPlayer.reverse() },
    ] },
    { group: "Moving", bindings: [
      { keys: [","], shown: ",", does: "One frame back", act: () => gridPlayer.step(-1) },
      { keys: ["."], shown: ".", does: "One frame forward", act: () => gridPlayer.step(1) },
      { keys: ["ArrowLeft"], shown: "←", does: "Back 1 second", act: () => gridPlayer.skip(-1) },
      { keys: ["ArrowRight"], shown: "→", does: "Forward 1 second", act: () => gridPlayer.skip(1) },
      { keys: ["j"], shown: "j", does: "Back 10 seconds", act: () => gridPlayer.skip(-10) },
      { keys: ["l"], shown: "l", does: "Forward 10 seconds", act: () => gridPlayer.skip(10) },
      { keys: ["Home"], shown: "Home", does: "To the start", act: () => void gridPlayer.seekTime(0) },
      { keys: ["End"], shown: "End", does: "To the end", act: () => void gridPlayer.seekTime(gridPlayer.end_ns) },
      { keys: [..."0123456789"], shown: "0 – 9", does: "To 0 % – 90 % of the longest stream",
        act: (_, key) => void gridPlayer.seekTime((gridPlayer.end_ns * Number(key)) / 10) },
      { keys: ["t"], shown: "t", does: "Enter a time", act: typeTime },
    ] },
    { group: "Page", bindings: [
      { keys: ["f"], shown: "f", does: "Full screen", act: toggleFullscreen },
      { keys: ["?"], shown: "?", does: "Show these shortcuts", act: toggleHelp },
    ] },
  ];
}
