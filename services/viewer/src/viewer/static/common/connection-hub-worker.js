// The hub as a shared worker: one for all pages of a browser.

import { ConnectionHub } from "./connection-hub.js";

const hub = new ConnectionHub();
/** @type {any} */ (self).onconnect = (/** @type {MessageEvent} */ { ports: [port] }) => hub.connect(port);
