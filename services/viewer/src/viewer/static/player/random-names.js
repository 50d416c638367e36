// Random names for guests and rooms: readable, and rarely the same twice.

const COLOURS = ["Amber", "Azure", "Coral", "Copper", "Crimson", "Golden", "Indigo", "Ivory", "Jade", "Olive", "Pearl",
  "Russet", "Scarlet", "Silver", "Teal", "Violet"];
const BIRDS = ["Avocet", "Crane", "Curlew", "Dunlin", "Egret", "Falcon", "Gannet", "Heron", "Ibis", "Kestrel", "Linnet",
  "Osprey", "Petrel", "Plover", "Swift", "Wren"];

/** @returns {string} such as `Teal Heron 4821` */
export function guest() {
  const [colour, bird, number] = crypto.getRandomValues(new Uint16Array(3));
  return `${COLOURS[colour % COLOURS.length]} ${BIRDS[bird % BIRDS.length]} ${1000 + (number % 9000)}`;
}

/** @returns {string} a name for a new room, such as `jade-osprey-4821` */
export const room = () => guest().toLowerCase().replaceAll(" ", "-");
