// The streams page: the list, or those streams that the address names, side by side.

import { readAddress } from "./grid/grid-address.js";
import { openGrid } from "./grid/page.js";
import { openList } from "./streams/page.js";

const address = readAddress(location.search);
if (address.stream_ids.length) openGrid(address);
else openList();
