// A player's turn at holding a connection to a live edge: a browser has few for all its pages.

import { hub } from "../common/connection-hub-client.js";

/** Dispatches `changed` when it is held, or no longer. */
export class LiveEdgePermit extends EventTarget {
  #wants = false;

  constructor() {
    super();
    // What nobody looks at needs none.
    document.addEventListener("visibilitychange", () => this.#ask());
  }

  /** @param {boolean} wants for as long as it is true, a turn may come */
  want(wants) {
    if (wants === this.#wants) return;
    this.#wants = wants;
    this.#ask();
  }

  /** Without it, frames come by windows as soon as the catalogue tells of them. */
  get held() { return this.#wants && !document.hidden && hub().holdsEdge; }

  #ask() {
    hub().wantEdge(this.#wants && !document.hidden, () => this.dispatchEvent(new Event("changed")));
    this.dispatchEvent(new Event("changed"));
  }
}
