// The status page: requests the status every few seconds and shows it.

import { addresses as addressesUnder, base, json, persist } from "../common/api.js";
import * as words from "../common/messages.js";
import * as format from "../common/format.js";
import { Plot } from "./plot.js";
import { plots } from "./plot-definitions.js";

/**
 * @typedef {object} Service
 * @property {"viewer" | "ingest" | "kafka" | "registry"} name
 * @property {"ready" | "waiting" | "away" | "unasked"} state
 * @property {string} sentence
 * @property {string | null} address
 * @property {string | null} version
 *
 * @typedef {object} Topic
 * @property {string} name
 * @property {number} partitions
 * @property {number} offsets
 * @property {number | null} image_bytes
 * @property {number | null} disk_bytes
 * @property {string} cleanup_policy
 * @property {number | null} retention_ms
 * @property {number | null} retention_bytes
 *
 * @typedef {object} Skipped
 * @property {string} topic
 * @property {number} count
 * @property {string} sentence
 * @property {number} first_partition
 * @property {number} first_offset
 *
 * @typedef {object} File
 * @property {string} name
 * @property {"waiting" | "failed"} state
 * @property {string} reason
 *
 * @typedef {object} Files
 * @property {boolean} paused
 * @property {Record<string, number>} totals
 * @property {File[]} told
 *
 * @typedef {object} Status
 * @property {number} at_ms
 * @property {number} interval_seconds
 * @property {Service[]} services
 * @property {Files | null} [files]
 * @property {Topic[] | null} topics
 * @property {Skipped[]} [skipped]
 * @property {number[]} times_ms
 * @property {Record<string, import("./plot-shapes.js").Points>} series
 */

/** @template {HTMLElement} T @param {string} id @returns {T} */
const part = (id) => /** @type {T} */ (document.getElementById(id));

/** @param {Service} service */
function serviceCard(service) {
  const copy = /** @type {DocumentFragment} */ (/** @type {HTMLTemplateElement} */ (part("service")).content.cloneNode(true));
  const find = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (copy.querySelector(selector));
  find(".name").textContent = words.status.names[service.name];
  find(".badge").textContent = words.status.states[service.state];
  find(".badge").dataset.state = service.state;
  find(".facts").textContent = [service.version, service.address].filter(Boolean).join(" · ");
  find(".sentence").textContent = service.sentence;
  return copy;
}

/** @param {Topic} topic */
function topicRow(topic) {
  const row = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = "row";
  name.textContent = topic.name;
  const heads = [...part("topics").querySelectorAll("thead th")].slice(1);
  const cells = [
    format.count(topic.partitions),
    format.count(topic.offsets),
    topic.image_bytes === null ? "–" : format.bytes(topic.image_bytes),
    topic.disk_bytes === null ? "–" : format.bytes(topic.disk_bytes),
    words.status.kept(topic),
  ].map((text, i) => {
    const cell = document.createElement("td");
    cell.textContent = text;
    cell.dataset.label = heads[i].textContent ?? "";
    return cell;
  });
  row.append(name, ...cells);
  return row;
}

/** @param {File} file */
function fileRow(file) {
  const row = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = "row";
  name.textContent = file.name;
  const state = document.createElement("td");
  state.textContent = words.status.fileStates[file.state];
  state.dataset.label = "State";
  const reason = document.createElement("td");
  reason.className = "reason";
  reason.textContent = file.reason;
  reason.dataset.label = "Why";
  row.append(name, state, reason);
  return row;
}

/** @param {Skipped} skipped */
function skippedItem(skipped) {
  const item = document.createElement("li");
  item.textContent = words.status.skipped(skipped);
  return item;
}

/** @param {Status} status */
function show(status) {
  part("headline").textContent = words.status.headline(status.services);
  part("as-of").textContent = words.status.clock(status.at_ms);
  part("services").replaceChildren(...status.services.map(serviceCard));
  const files = status.files?.told ?? [];
  part("files-totals").textContent = words.status.files(status.files ?? null);
  part("files").hidden = !files.length;
  part("files").querySelector("tbody")?.replaceChildren(...files.map(fileRow));
  part("topics").hidden = !status.topics?.length;
  part("no-topics").textContent = status.topics?.length ? "" : words.status.noTopics(status.topics);
  part("topics").querySelector("tbody")?.replaceChildren(...(status.topics ?? []).map(topicRow));
  part("skipped").replaceChildren(...(status.skipped ?? []).map(skippedItem));
}

/** @param {boolean} away */
function showAway(away) {
  part("away").textContent = away ? words.away : "";
  part("away").hidden = !away;
  document.body.classList.toggle("is-away", away);
}

const visible = () =>
  document.hidden
    ? new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }))
    : Promise.resolve(null);

export async function openStatus() {
  const { status: url } = addressesUnder(base());
  const template = /** @type {HTMLTemplateElement} */ (part("plot"));
  const drawn = plots.map((kind) => new Plot(kind, template));
  part("plots").replaceChildren(...drawn.map(({ element }) => element));
  for (;;) {
    const status = /** @type {Status} */ (await persist(() => json(url), showAway));
    show(status);
    for (const plot of drawn) plot.update(status);
    await new Promise((resolve) => setTimeout(resolve, status.interval_seconds * 1000));
    await visible();
  }
}
