// The hub as a shared worker: one for all pages of a browser.

import { Hub } from "./hub.js";

const hub = new Hub();
/** @type {any} */ (self).onconnect = (/** @type {MessageEvent} */ { ports: [port] }) => hub.connect(port);
