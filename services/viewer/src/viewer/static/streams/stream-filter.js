// Filters and sorts the streams of the list. Pure.

/** @typedef {import("../common/api.js").Stream} Stream */

/** @type {Record<string, (one: Stream, other: Stream) => number>} */
const ORDERS = {
  newest: () => 0,
  name: (one, other) => one.name.localeCompare(other.name, undefined, { numeric: true }),
  longest: (one, other) => other.duration_ns - one.duration_ns,
  largest: (one, other) => other.bytes - one.bytes,
};

/**
 * @param {Stream[]} streams newest first @param {string} query words that must all match
 * @param {string} state "" for all @param {string} order a key of ORDERS
 */
export function chosen(streams, query, state, order) {
  const wanted = query.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = streams.filter(({ name, stream_id, state: own }) => {
    const text = `${name} ${stream_id}`.toLowerCase();
    return (!state || own === state) && wanted.every((word) => text.includes(word));
  });
  return matches.sort(ORDERS[order] ?? ORDERS.newest);
}

/**
 * Merges changed streams: known ones keep their place, new ones come first.
 * @param {Stream[]} streams @param {Stream[]} changed
 */
export function merged(streams, changed) {
  const latest = new Map(changed.map((stream) => [stream.stream_id, stream]));
  const kept = streams.map((stream) => {
    const update = latest.get(stream.stream_id) ?? stream;
    latest.delete(stream.stream_id);
    return update;
  });
  return [...latest.values(), ...kept];
}
