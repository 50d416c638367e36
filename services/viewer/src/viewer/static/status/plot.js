// One plot: lines of the last minutes, the newest values, and a table.

import { status as words } from "../common/messages.js";
import { area, ceiling, highest, latest, line, minutes, runs } from "./plot-shapes.js";

/** @typedef {import("./plot-shapes.js").Points} Points */
/** @typedef {import("./page.js").Status} Status */

const SPAN_MS = 15 * 60_000;
const SVG = "http://www.w3.org/2000/svg";

/** @param {string} name @param {string} text @param {Record<string, string>} [attributes] */
function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export class Plot {
  #kind;
  #part;
  /** @type {Status | null} */
  #status = null;

  /** @param {import("./plot-definitions.js").PlotKind} kind @param {HTMLTemplateElement} template */
  constructor(kind, template) {
    this.#kind = kind;
    const copy = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
    this.element = /** @type {HTMLElement} */ (copy.firstElementChild);
    this.#part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (this.element.querySelector(selector));
    this.#part("h3").textContent = kind.title;
    const heads = kind.series.map(({ label }) => element("th", label, { scope: "col" }));
    this.#part("thead tr").replaceChildren(element("th", words.minute, { scope: "col" }), ...heads);
    this.#part("details").addEventListener("toggle", () => this.#tabulate());
    const field = this.#part(".field");
    field.addEventListener("pointermove", (event) => this.#point(event));
    field.addEventListener("pointerleave", () => this.#point(null));
  }

  /** @param {Status} status */
  update(status) {
    this.#status = status;
    const { from_ms, to_ms, top } = this.#scale(status);
    const lines = this.#series(status).flatMap((points, n) =>
      runs(status.times_ms, points, { from_ms, to_ms, top }).flatMap((run) => [
        ...(n === 0 ? [this.#path("area", n, area(run))] : []),
        this.#path("line", n, line(run)),
      ]),
    );
    const svg = this.#part("svg");
    svg.replaceChildren(...lines);
    const nothing = this.#part(".nothing");
    nothing.hidden = lines.length > 0;
    nothing.textContent = lines.length ? "" : words.nothing(status, this.#kind);
    this.#part(".top").textContent = lines.length ? this.#kind.write(top) : "";
    svg.setAttribute("aria-label", this.#summary(status));
    this.#tell(status.times_ms.length - 1);
    this.#tabulate();
  }

  /** @param {Status} status @returns {Points[]} */
  #series(status) {
    return this.#kind.series.map(({ key }) => status.series[key] ?? []);
  }

  /** @param {Status} status */
  #scale(status) {
    const bound = this.#kind.top && latest(status.series[this.#kind.top] ?? []);
    const top = bound || ceiling(highest(this.#series(status).map(highest)) ?? 0);
    return { from_ms: status.at_ms - SPAN_MS, to_ms: status.at_ms, top };
  }

  /** @param {string} name @param {number} n @param {string} shape */
  #path(name, n, shape) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", `${name} line-${n}`);
    path.setAttribute("d", shape);
    return path;
  }

  /** Shows the values of one moment in the legend. @param {number} at */
  #tell(at) {
    const status = /** @type {Status} */ (this.#status);
    const items = this.#kind.series.map(({ key, label }, n) => {
      const value = status.series[key]?.[at] ?? null;
      const item = document.createElement("li");
      item.append(
        element("span", "", { class: `dot line-${n}`, "aria-hidden": "true" }),
        element("span", label),
        element("b", value === null ? "–" : this.#kind.write(value)),
      );
      return item;
    });
    this.#part(".legend").replaceChildren(...items);
  }

  /** @param {PointerEvent | null} event */
  #point(event) {
    const status = this.#status;
    const cursor = this.#part(".cursor");
    if (!status || !status.times_ms.length) return;
    const { left, width } = this.#part(".field").getBoundingClientRect();
    const share = event ? (event.clientX - left) / width : 1;
    const wanted = status.at_ms - SPAN_MS * (1 - share);
    const at = status.times_ms.reduce((best, time, i) =>
      Math.abs(time - wanted) < Math.abs(status.times_ms[best] - wanted) ? i : best, 0);
    const place = (status.times_ms[at] - status.at_ms + SPAN_MS) / SPAN_MS;
    cursor.hidden = !event;
    cursor.style.left = `${100 * place}%`;
    this.#part(".when").textContent = event ? words.clock(status.times_ms[at]) : "";
    this.#tell(event ? at : status.times_ms.length - 1);
  }

  /** @param {Status} status */
  #summary(status) {
    const summaries = this.#kind.series.map(({ key, label }) => {
      const points = status.series[key] ?? [];
      const write = (/** @type {number | null} */ value) => (value === null ? null : this.#kind.write(value));
      return words.summary(label, write(latest(points)), write(highest(points)));
    });
    return `${this.#kind.title}: ${summaries.join("; ")}`;
  }

  /** Fills the table if it is open. */
  #tabulate() {
    const status = this.#status;
    if (!status || !(/** @type {HTMLDetailsElement} */ (this.#part("details")).open)) return;
    const rows = minutes(status.times_ms, this.#series(status)).map(([minute_ms, values]) => {
      const row = document.createElement("tr");
      row.append(
        element("th", words.clock(minute_ms, false), { scope: "row" }),
        ...values.map((value) => element("td", value === null ? "–" : this.#kind.write(value))),
      );
      return row;
    });
    this.#part("tbody").replaceChildren(...rows);
  }
}
