// Requests one window of frames and reads it record by record.

import { Away, Replaced, request } from "../common/api.js";
import { RecordParser } from "./frame-records.js";

/**
 * @param {string} url of the stream's frames @param {string} run_id that the frames must be of
 * @param {import("./fetch-plan.js").Window} window
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<import("./frame-records.js").FrameRecord>}
 * @throws {Away} also when the response breaks off
 * @throws {Replaced} when the server has the frames of another run
 */
export async function* readWindow(url, run_id, { from, count, stride, follow }, signal) {
  // The same frames always have the same URL, for caches.
  const query = new URLSearchParams({ run: run_id, from: String(from) });
  if (count !== null) query.set("count", String(count));
  if (stride !== 1) query.set("stride", String(stride));
  if (follow) query.set("follow", "1");
  const response = await request(`${url}?${query}`, { signal, priority: count === 1 ? "high" : "auto" });
  if ((response.headers.get("X-Stream-Run-Id") ?? run_id) !== run_id) throw new Replaced(run_id);
  if (!response.body) return;

  const parser = new RecordParser();
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch((error) => {
      throw signal.aborted ? error : new Away(String(error));
    });
    if (done) break;
    yield* parser.push(value);
  }
  if (parser.unfinished) throw new Away("the response broke off");
}
