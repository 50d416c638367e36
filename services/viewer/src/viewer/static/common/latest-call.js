// One thing at a time, the latest wish next: for pictures that follow a hand.

/**
 * Makes a function that runs `action` for the latest argument only: calls that arrive while one
 * is under way replace each other, so a fast hand never builds a queue.
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
 * Puts a picture into an `<img>`, and resolves once it shows or has failed.
 * @param {HTMLImageElement} image @param {string} url
 */
export function showPicture(image, url) {
  return new Promise((resolve) => {
    image.onload = image.onerror = resolve;
    image.src = url;
  });
}
