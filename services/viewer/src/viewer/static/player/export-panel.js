// The export panel: saves the loop or all available frames as a file.

import { Away, Gone, Missing, Refused } from "../common/api.js";
import { canStream, chooseFile, handOver, save } from "../common/download.js";
import * as words from "../common/messages.js";
import { fileName, sizeBytes } from "./clip-file.js";
import { part } from "./controls.js";

/** @typedef {import("./clip-file.js").Format} Format */

const say = words.exporting;

export class ExportPanel {
  #dialog = /** @type {HTMLDialogElement} */ (part("export"));
  #form = /** @type {HTMLFormElement} */ (part("export-form"));
  #bar = /** @type {HTMLProgressElement} */ (part("export-progress"));
  #player;
  #index;
  #url;
  /** @type {AbortController | null} while a file is being written */
  #running = null;

  /**
   * @param {import("./player.js").Player} player @param {import("./frame-index.js").FrameIndex} index
   * @param {(format: string, from: number, to: number) => string} url of a clip, `to` left out of it
   */
  constructor(player, index, url) {
    this.#player = player;
    this.#index = index;
    this.#url = url;
    this.#form.addEventListener("input", () => this.#describe());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#start();
    });
    part("export-cancel").addEventListener("click", () => this.#running?.abort());
    // Closing the page would lose the file.
    addEventListener("beforeunload", (event) => { if (this.#running) event.preventDefault(); });
  }

  /** Opens or closes the panel; a running export continues. */
  toggle() {
    if (this.#dialog.open) return this.#dialog.close();
    if (!this.#player.watchable) return;
    const looping = this.#player.marks.any;
    const [marked, all] = /** @type {RadioNodeList} */ (this.#form.elements.namedItem("part"));
    /** @type {HTMLInputElement} */ (marked).disabled = !looping;
    if (!this.#running) /** @type {HTMLInputElement} */ (looping ? marked : all).checked = true;
    this.#dialog.showModal();
    this.#describe();
  }

  /** The selected part: first and last frame. @param {string} [chosen] */
  #part(chosen = String(new FormData(this.#form).get("part"))) {
    const { marks, first, last } = this.#player;
    return chosen === "marked" ? marks.bounds(first, last) : { low: first, high: last };
  }

  /** @returns {Format} */
  get #format() {
    return /** @type {Format} */ (new FormData(this.#form).get("format"));
  }

  #describe() {
    for (const choice of ["marked", "all"]) {
      const { low, high } = this.#part(choice);
      const none = choice === "marked" && !this.#player.marks.any;
      const length_ns = this.#index.endOf(high) - this.#index.ptsOf(low);
      part(`export-${choice}`).textContent = none ? say.noMarks : say.part(low, high, length_ns);
    }
    part("export-size").textContent = say.size(this.#estimate());
  }

  #estimate() {
    const { low, high } = this.#part();
    return sizeBytes(this.#format, high - low + 1, this.#index.bytesOf(low, high));
  }

  async #start() {
    const { low, high } = this.#part();
    const url = this.#url(this.#format, low, high + 1);
    const name = fileName(this.#player.stream.name, low, high, this.#format);
    const expected_bytes = this.#estimate();
    this.#tell("");
    try {
      if (!canStream()) {
        await handOver(url, name);
        this.#tell(say.handedOver);
        return;
      }
      const file = await chooseFile(name);
      if (!file) return;
      await this.#stream(url, file, expected_bytes);
      this.#tell(say.done(file.name));
    } catch (error) {
      this.#tell(errorMessage(error), true);
    }
  }

  /** @param {string} url @param {any} file @param {number} expected_bytes */
  async #stream(url, file, expected_bytes) {
    const abort = (this.#running = new AbortController());
    this.#busy(true);
    this.#bar.removeAttribute("value");
    const onProgress = (/** @type {number} */ received_bytes, /** @type {number | null} */ total_bytes) => {
      const total = total_bytes ?? expected_bytes;
      this.#bar.value = Math.min(1, received_bytes / total);
      part("export-size").textContent = say.progress(received_bytes, total);
    };
    try {
      await save(url, file, onProgress, abort.signal);
    } finally {
      this.#running = null;
      this.#busy(false);
      part("export-size").textContent = say.size(this.#estimate());
    }
  }

  /** @param {boolean} busy */
  #busy(busy) {
    this.#bar.hidden = !busy;
    part("export-cancel").hidden = !busy;
    /** @type {HTMLButtonElement} */ (part("export-save")).disabled = busy;
    for (const fields of this.#form.querySelectorAll("fieldset")) fields.disabled = busy;
    part("export-button").classList.toggle("is-busy", busy);
  }

  /** @param {string} text @param {boolean} [problem] */
  #tell(text, problem = false) {
    part("export-status").textContent = text;
    part("export-status").classList.toggle("problem", problem);
  }
}

/** The message for an error. @param {unknown} error */
export function errorMessage(error) {
  if (error instanceof DOMException && error.name === "AbortError") return say.cancelled;
  if (error instanceof Gone) return say.expired(error.first_available_frame);
  if (error instanceof Missing) return say.missing;
  if (error instanceof Refused) return error.message;
  if (error instanceof Away) return error.retry_after_seconds ? say.busy(error.retry_after_seconds) : say.away;
  if (error instanceof TypeError) return say.away;
  return say.unwritable(error instanceof Error ? error.message : String(error));
}
