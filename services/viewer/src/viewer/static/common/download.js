// Downloads: streamed into a file of the person's choice where the browser can do that, and handed
// to the browser where it can't. Never whole in memory.

import { request } from "./api.js";

/** Whether the page may write to a file: some browsers let secure pages. */
export const canStream = () => "showSaveFilePicker" in window;

/**
 * Must be called from a click: browsers ask for one.
 * @param {string} name to suggest @returns {Promise<any>} a file handle; null when the person thought better of it
 */
export async function chooseFile(name) {
  try {
    return await /** @type {any} */ (window).showSaveFilePicker({ suggestedName: name });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return null;
    throw error;
  }
}

/**
 * Streams an answer into a file. The file holds all of it or what it held before.
 * @param {string} url @param {any} file a handle from chooseFile()
 * @param {(received_bytes: number, total_bytes: number | null) => void} onProgress
 * @param {AbortSignal} signal
 */
export async function save(url, file, onProgress, signal) {
  try {
    const response = await request(url, { signal });
    const total_bytes = Number(response.headers.get("Content-Length")) || null;
    let received_bytes = 0;
    const count = new TransformStream({
      transform(chunk, controller) {
        received_bytes += chunk.length;
        onProgress(received_bytes, total_bytes);
        controller.enqueue(chunk);
      },
    });
    const target = await file.createWritable();
    await /** @type {ReadableStream} */ (response.body).pipeThrough(count).pipeTo(target, { signal });
  } catch (error) {
    await removeEmpty(file).catch(() => {});
    throw error;
  }
}

/** The picker makes the file before there is anything for it. @param {any} file */
async function removeEmpty(file) {
  if ((await file.getFile()).size === 0) await file.remove?.();
}

/**
 * Lets the browser download an address in its own way, once the server has said that it would answer.
 * @param {string} url @param {string} name
 */
export async function handOver(url, name) {
  await request(url, { method: "HEAD" });
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}
