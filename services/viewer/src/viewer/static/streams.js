// The streams page: the catalogue as cards, kept up to date.

import { addresses as addressesUnder, base } from "./common/api.js";
import { follow } from "./common/events.js";
import * as words from "./common/words.js";
import { Card } from "./streams/card.js";
import { chosen, merged } from "./streams/catalogue.js";

/** @typedef {import("./common/api.js").Stream} Stream */

/** Cards made at a time: a catalogue of thousands must not stop the page. */
const CHUNK = 60;

const addresses = addressesUnder(base());
/** @template {HTMLElement} T @param {string} id @returns {T} */
const part = (id) => /** @type {T} */ (document.getElementById(id));
const search = /** @type {HTMLInputElement} */ (part("search"));
const state = /** @type {HTMLSelectElement} */ (part("state"));
const order = /** @type {HTMLSelectElement} */ (part("order"));
const template = /** @type {HTMLTemplateElement} */ (part("card"));
const grid = part("grid");

/** @type {Stream[]} */
let streams = [];
/** @type {Map<string, Card>} */
const cards = new Map();
let loaded = false;
let limit = CHUNK;

function render() {
  const matching = chosen(streams, search.value, state.value, order.value);
  const shown = matching.slice(0, limit).map((stream) => {
    let card = cards.get(stream.stream_id);
    if (!card) cards.set(stream.stream_id, (card = new Card(stream, addresses, template)));
    return card.element;
  });
  // Moving what is in place already would reset what the pointer is on.
  const same = shown.length === grid.children.length && shown.every((element, i) => element === grid.children[i]);
  if (!same) grid.replaceChildren(.../** @type {Element[]} */ (shown));
  part("more").hidden = matching.length <= limit;
  part("count").textContent = loaded ? words.catalogue.count(matching.length, streams.length) : "";
  describeNothing(matching.length);
}

/** @param {number} matching */
function describeNothing(matching) {
  const empty = part("empty");
  empty.hidden = matching > 0;
  if (matching) return;
  const [title, text] = !loaded ? [words.catalogue.loading, ""]
    : streams.length ? words.catalogue.noMatch(search.value || state.selectedOptions[0].text) : words.catalogue.empty;
  part("empty-title").textContent = title;
  part("empty-text").textContent = text;
  empty.classList.toggle("is-loading", !loaded);
}

/** @param {Stream[]} changed */
function update(changed) {
  loaded = true;
  streams = merged(streams, changed);
  for (const stream of changed) cards.get(stream.stream_id)?.update(stream);
  render();
}

/** @param {string[]} stream_ids */
function forget(stream_ids) {
  const gone = new Set(stream_ids);
  streams = streams.filter(({ stream_id }) => !gone.has(stream_id));
  stream_ids.forEach((stream_id) => cards.delete(stream_id));
  render();
}

for (const control of [search, state, order]) {
  control.addEventListener("input", () => {
    limit = CHUNK;
    render();
  });
}
new IntersectionObserver((entries) => {
  if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
  limit += CHUNK;
  render();
}).observe(part("more"));
addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search) {
    event.preventDefault();
    search.focus();
  }
});
render();
follow(addresses, {
  changed: update,
  gone: forget,
  away: (away) => {
    part("away").textContent = away ? words.away : "";
    part("away").hidden = !away;
  },
});
