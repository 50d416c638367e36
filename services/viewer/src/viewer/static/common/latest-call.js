// Runs one asynchronous call at a time, then the latest one: for pictures that follow the pointer.

/**
 * Makes a function that runs `action` for the latest argument only: calls that arrive while one
 * is running replace each other, so a fast pointer never builds a queue.
 * @template T @param {(wish: T) => Promise<unknown>} action
 * @returns {(wish: T) => void}
 */
export function latest(action) {
  /** @type {{wish: T} | null} */
  let next = null;
  let busy = false;
  return async (wish) => {
    next = { wish };
    if (busy) return;
    busy = true;
    while (next) {
      const { wish: current } = next;
      next = null;
      await action(current).catch(() => {});
    }
    busy = false;
  };
}

/**
 * Loads a picture into an `<img>`; resolves once it is shown or has failed.
 * @param {HTMLImageElement} image @param {string} url
 */
export function showPicture(image, url) {
  return new Promise((resolve) => {
    image.onload = image.onerror = resolve;
    image.src = url;
  });
}
