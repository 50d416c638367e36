// The status page.

import { openStatus } from "./status/page.js";

openStatus();
