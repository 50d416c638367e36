// Pointer gestures on the timeline: a drag seeks, two fingers zoom and pan, a wheel does both.

/**
 * @typedef {object} Gestures the handlers; x in pixels of the page
 * @property {(x: number) => void} drag @property {() => void} release
 * @property {(x: number) => void} hover @property {() => void} leave
 * @property {(factor: number, x: number) => void} zoom factor below 1 zooms in; x stays in place
 * @property {(pixels: number) => void} pan
 */

/** @param {HTMLElement} element @param {Gestures} does */
export function listenToGestures(element, does) {
  /** Pressed pointers and their positions. @type {Map<number, number>} */
  const down = new Map();
  /** The distance of two fingers and the middle between them. */
  const spread = () => {
    const [one, other] = [...down.values()];
    return { apart: Math.max(24, Math.abs(one - other)), middle: (one + other) / 2 };
  };
  let dragging = false;

  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || down.size === 2) return;
    element.setPointerCapture(event.pointerId);
    down.set(event.pointerId, event.clientX);
    dragging = down.size === 1;
    if (dragging) does.drag(event.clientX);
    else does.release();
  });
  element.addEventListener("pointermove", (event) => {
    if (!down.has(event.pointerId)) {
      if (event.pointerType === "mouse") does.hover(event.clientX);
      return;
    }
    if (down.size === 2) {
      const before = spread();
      down.set(event.pointerId, event.clientX);
      const now = spread();
      does.pan(before.middle - now.middle);
      does.zoom(before.apart / now.apart, now.middle);
    } else if (dragging) {
      down.set(event.pointerId, event.clientX);
      does.drag(event.clientX);
      does.hover(event.clientX);
    }
  });
  const lift = (/** @type {PointerEvent} */ event) => {
    if (!down.delete(event.pointerId)) return;
    // The finger that remains after a pinch does not drag.
    if (dragging) does.release();
    dragging = false;
  };
  element.addEventListener("pointerup", lift);
  element.addEventListener("pointercancel", lift);
  element.addEventListener("pointerleave", () => { if (!down.size) does.leave(); });
  element.addEventListener("wheel", (event) => {
    event.preventDefault();
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) does.pan(sideways);
    else does.zoom(2 ** (event.deltaY / 200), event.clientX);
  }, { passive: false });
}
