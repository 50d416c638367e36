// A player's permit to hold a connection to a live edge: a browser has few for all its pages.

import { hub } from "../common/connection-hub-client.js";

/** Dispatches `changed` when the permit is gained or lost. */
export class LiveEdgePermit extends EventTarget {
  #wants = false;

  constructor() {
    super();
    // A hidden page needs no permit.
    document.addEventListener("visibilitychange", () => this.#ask());
  }

  /** @param {boolean} wants while it is true, the permit may be granted */
  want(wants) {
    if (wants === this.#wants) return;
    this.#wants = wants;
    this.#ask();
  }

  /** Without it, frames are fetched in windows once the catalogue reports them. */
  get held() { return this.#wants && !document.hidden && hub().holdsEdge; }

  #ask() {
    hub().wantEdge(this.#wants && !document.hidden, () => this.dispatchEvent(new Event("changed")));
    this.dispatchEvent(new Event("changed"));
  }
}
