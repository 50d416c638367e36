// Reads one window of frames from the server, record by record.

import { Away, request } from "../common/api.js";
import { RecordParser } from "./records.js";

/**
 * @param {string} url of the stream's frames @param {string} run_id that the frames must be of
 * @param {import("./plan.js").Window} window
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<import("./records.js").FrameRecord>}
 * @throws {Away} also when the response breaks off inside a record, or is of a run not heard of yet
 */
export async function* readWindow(url, run_id, { from, count, stride, follow }, signal) {
  const query = new URLSearchParams({ from: String(from), stride: String(stride) });
  if (count !== null) query.set("count", String(count));
  if (follow) query.set("follow", "1");
  const response = await request(`${url}?${query}`, { signal });
  if ((response.headers.get("X-Stream-Run-Id") ?? run_id) !== run_id) throw new Away("another run has begun");
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
