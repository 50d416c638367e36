// The list of streams: one card each, updated live.

import { addresses as addressesUnder, base } from "../common/api.js";
import { follow } from "../common/catalogue-events.js";
import * as words from "../common/messages.js";
import { Card } from "./stream-card.js";
import { chosen, merged } from "./stream-filter.js";
import { Selection } from "./grid-selection.js";

/** @typedef {import("../common/api.js").Stream} Stream */

/** Cards created at a time: thousands at once would block the page. */
const CHUNK = 60;

/** @template {HTMLElement} T @param {string} id @returns {T} */
const part = (id) => /** @type {T} */ (document.getElementById(id));

class List {
  #addresses = addressesUnder(base());
  #search = /** @type {HTMLInputElement} */ (part("search"));
  #state = /** @type {HTMLSelectElement} */ (part("state"));
  #order = /** @type {HTMLSelectElement} */ (part("order"));
  #element = part("cards");
  #selection = new Selection(part("chosen"), this.#addresses.home);
  /** @type {Stream[]} */
  #streams = [];
  /** @type {Map<string, Card>} */
  #cards = new Map();
  #loaded = false;
  #limit = CHUNK;

  constructor() {
    for (const control of [this.#search, this.#state, this.#order]) {
      control.addEventListener("input", () => {
        this.#limit = CHUNK;
        this.#render();
      });
    }
    new IntersectionObserver((entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      this.#limit += CHUNK;
      this.#render();
    }).observe(part("more"));
    addEventListener("keydown", (event) => {
      if (event.key === "/" && document.activeElement !== this.#search) {
        event.preventDefault();
        this.#search.focus();
      }
    });
    this.#render();
    follow(this.#addresses, {
      changed: (streams) => this.#update(streams),
      gone: (stream_ids) => this.#forget(stream_ids),
      away: (away) => {
        part("away").textContent = away ? words.away : "";
        part("away").hidden = !away;
      },
    });
  }

  /** @param {Stream[]} changed */
  #update(changed) {
    this.#loaded = true;
    this.#streams = merged(this.#streams, changed);
    for (const stream of changed) this.#cards.get(stream.stream_id)?.update(stream);
    this.#render();
  }

  /** @param {string[]} stream_ids */
  #forget(stream_ids) {
    const gone = new Set(stream_ids);
    this.#streams = this.#streams.filter(({ stream_id }) => !gone.has(stream_id));
    for (const stream_id of stream_ids) {
      this.#cards.delete(stream_id);
      this.#selection.set(stream_id, false);
    }
    this.#render();
  }

  #render() {
    const matching = chosen(this.#streams, this.#search.value, this.#state.value, this.#order.value);
    const shown = matching.slice(0, this.#limit).map((stream) => this.#card(stream).element);
    // Moving unchanged cards would reset the hover state.
    const present = this.#element.children;
    const same = shown.length === present.length && shown.every((element, i) => element === present[i]);
    if (!same) this.#element.replaceChildren(...shown);
    part("more").hidden = matching.length <= this.#limit;
    part("count").textContent = this.#loaded ? words.catalogue.count(matching.length, this.#streams.length) : "";
    this.#describeNothing(matching.length);
  }

  /** @param {Stream} stream */
  #card(stream) {
    let card = this.#cards.get(stream.stream_id);
    if (!card) {
      const template = /** @type {HTMLTemplateElement} */ (part("card"));
      card = new Card(stream, this.#addresses, template);
      this.#selection.bind(card.checkbox, stream.stream_id);
      this.#cards.set(stream.stream_id, card);
    }
    return card;
  }

  /** @param {number} matching */
  #describeNothing(matching) {
    const empty = part("empty");
    empty.hidden = matching > 0;
    if (matching) return;
    const wanted = this.#search.value || this.#state.selectedOptions[0].text;
    const [title, text] = !this.#loaded ? [words.catalogue.loading, ""]
      : this.#streams.length ? words.catalogue.noMatch(wanted) : words.catalogue.empty;
    part("empty-title").textContent = title;
    part("empty-text").textContent = text;
    empty.classList.toggle("is-loading", !this.#loaded);
  }
}

export const openList = () => new List();
