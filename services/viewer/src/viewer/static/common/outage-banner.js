// A line on every page while Kafka or the registry is unavailable; the viewer serves from memory.

import { base, json } from "./api.js";
import * as words from "./messages.js";

const ASK_AGAIN_MS = 10_000;

/** @param {string[]} away */
function show(away) {
  let line = document.getElementById("log-away");
  if (!line && !away.length) return;
  if (!line) {
    line = document.createElement("p");
    line.id = "log-away";
    line.className = "away";
    line.setAttribute("role", "status");
    document.body.prepend(line);
  }
  const text = away.length ? words.logAway(away) : "";
  if (line.textContent !== text) line.textContent = text;
  line.hidden = !away.length;
}

async function ask() {
  if (document.hidden) return;
  try {
    show((await json(`${base()}api/away`)).away);
  } catch {
    // The page itself reports an unavailable viewer or a missing login.
  }
}

addEventListener("load", ask);
setInterval(ask, ASK_AGAIN_MS);
