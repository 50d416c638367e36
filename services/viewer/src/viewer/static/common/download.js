// Downloads: streamed to a chosen file if the browser supports it, else by the browser's own
// download. Never completely in memory.

import { request } from "./api.js";

/** Whether the page can write to a file: some browsers allow it on secure pages. */
export const canStream = () => "showSaveFilePicker" in window;

/**
 * Opens the file picker; must be called from a click handler.
 * @param {string} name suggested @returns {Promise<any>} a file handle; null if cancelled
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
 * Streams a response to a file. After an error, the file keeps its old content.
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

/** The picker creates an empty file. @param {any} file */
async function removeEmpty(file) {
  if ((await file.getFile()).size === 0) await file.remove?.();
}

/**
 * Starts the browser's own download, after a HEAD request has succeeded.
 * @param {string} url @param {string} name
 */
export async function handOver(url, name) {
  await request(url, { method: "HEAD" });
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}
