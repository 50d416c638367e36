// The streams page: the list, or the grid of the streams in the URL.

import { readAddress } from "./grid/grid-address.js";
import { openGrid } from "./grid/page.js";
import { openList } from "./streams/page.js";

const address = readAddress(location.search);
if (address.stream_ids.length) openGrid(address);
else openList();
