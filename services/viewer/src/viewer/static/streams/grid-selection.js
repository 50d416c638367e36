// The streams selected for the grid, in order of selection.

import * as words from "../common/messages.js";
import { MOST_STREAMS, addressFor } from "../grid/grid-address.js";

export class Selection {
  #bar;
  #home;
  /** @type {Map<string, HTMLInputElement>} */
  #boxes = new Map();
  /** @type {Set<string>} */
  #chosen = new Set();

  /** @param {HTMLElement} bar with a .how-many, a link and a button @param {string} home address of the page */
  constructor(bar, home) {
    this.#bar = bar;
    this.#home = home;
    bar.querySelector("button")?.addEventListener("click", () => {
      for (const stream_id of [...this.#chosen]) this.set(stream_id, false);
    });
  }

  /** Binds a card's checkbox to its stream. @param {HTMLInputElement} box @param {string} stream_id */
  bind(box, stream_id) {
    this.#boxes.set(stream_id, box);
    box.addEventListener("change", () => this.set(stream_id, box.checked));
    this.#show();
  }

  /** @param {string} stream_id @param {boolean} chosen */
  set(stream_id, chosen) {
    if (chosen && this.#chosen.size < MOST_STREAMS) this.#chosen.add(stream_id);
    else this.#chosen.delete(stream_id);
    this.#show();
  }

  #show() {
    const count = this.#chosen.size;
    for (const [stream_id, box] of this.#boxes) {
      box.checked = this.#chosen.has(stream_id);
      box.disabled = count === MOST_STREAMS && !box.checked;
    }
    this.#bar.hidden = count === 0;
    document.body.classList.toggle("is-choosing", count > 0);
    /** @type {HTMLElement} */ (this.#bar.querySelector(".how-many")).textContent = words.grid.chosen(count, MOST_STREAMS);
    /** @type {HTMLAnchorElement} */ (this.#bar.querySelector("a")).href =
      this.#home + addressFor({ stream_ids: [...this.#chosen], pts_ns: 0, speed: 1, paused: false });
  }
}
