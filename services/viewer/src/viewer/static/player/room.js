// A room: several people share one position. The person who moves last leads; all others follow.

import { json } from "../common/api.js";
import { latest } from "../common/latest-call.js";
import { subscribe } from "../common/server-sent-events.js";
import { looped, nearby, placeOf, pursue } from "./room-sync.js";

/** @typedef {import("./room-sync.js").RoomState} RoomState */

/** How often the leader sends its position, against drift. */
const HEARTBEAT_MS = 2000;
/** A room without a state after this time is new. */
const SILENCE_MS = 1000;
/** Loading after a jump takes a while; jump again only after this time. */
const JUMP_EVERY_MS = 3000;
/** How long a message may take. */
const CROSSING_MS = 500;

/**
 * Dispatches `changed` when who leads or the connection changes, and `elsewhere` (detail: the room's
 * state) when the room watches another stream.
 */
export class Room extends EventTarget {
  #player;
  #index;
  #url;
  #send;
  #pending = false;
  /** @type {{state: RoomState, at_ms: number} | null} the room's state, and when it was valid */
  #goal = null;
  /** Whether another member has moved since this one last did. */
  #overtaken = false;
  #joined = false;
  #jumped_ms = -Infinity;
  #said_ms = 0;
  /** When a person on this page moved last, and the room's state then. */
  #moved_ms = -Infinity;
  /** @type {{state: RoomState, at_ms: number} | null} */
  #before = null;
  leader = "";
  away = false;

  /**
   * @param {string} name @param {{url: string, events: string}} addresses of the room, and of all rooms' events @param {string} me this member's name
   * @param {import("./player.js").Player} player @param {import("./frame-index.js").FrameIndex} index
   */
  constructor(name, { url, events }, me, player, index) {
    super();
    this.me = me;
    this.#url = url;
    this.#player = player;
    this.#index = index;
    this.#send = latest(() => this.#post());
    player.addEventListener("moved", () => {
      if (!this.leading) this.#before = this.#goal;
      this.#moved_ms = performance.now();
      this.lead();
    });
    subscribe(events, name, {
      opened: () => {
        this.#joined = false;
        this.#tell({ away: false });
        // Only if the room is silent: a repeated move would undo later moves of others.
        setTimeout(() => {
          if (!this.#joined && (!this.#goal || this.leading)) this.lead();
        }, SILENCE_MS);
      },
      failed: () => this.#tell({ away: true }),
      events: { room: (state) => this.#onState(state) },
    });
  }

  get leading() { return this.leader === this.me; }

  /** One animation frame. @param {number} now_ms */
  tick(now_ms) {
    const { playing, scrubbing, waiting, speed } = this.#player;
    if (this.leading) {
      if (playing && now_ms - this.#said_ms > HEARTBEAT_MS) this.lead();
      return;
    }
    if (!this.#goal?.state.playing || !playing || scrubbing || waiting) return;
    const goal_ns = this.#placeAt(this.#goal.state, now_ms - this.#goal.at_ms);
    const { factor, jump } = this.#pursue(goal_ns, speed);
    if (!jump) this.#player.nudge(factor);
    else if (now_ms - this.#jumped_ms > JUMP_EVERY_MS) this.#jump(goal_ns, now_ms);
  }

  /** @param {RoomState} state */
  #onState(state) {
    const fresh = this.#joined;
    this.#joined = true;
    const now_ms = performance.now();
    const own = state.by === this.me;
    if (!own && this.#crossed(state, now_ms)) return this.lead();
    this.#tell({ leader: state.by });
    // Ignore the echo of the own move, unless another member moved in between.
    if (own && !this.#overtaken) return;
    this.#overtaken = !own;
    this.#goal = { state, at_ms: now_ms - state.age_us / 1000 };
    if (state.stream_id === this.#player.stream.stream_id) this.#follow(state, now_ms);
    else this.dispatchEvent(new CustomEvent("elsewhere", { detail: { state, fresh } }));
  }

  /** @returns {import("./room-sync.js").Loop | null} */
  get #loop() {
    const { marks, first, last } = this.#player;
    const { low, high } = marks.bounds(first, last);
    return marks.any ? { start_ns: this.#index.ptsOf(low), end_ns: this.#index.endOf(high) } : null;
  }

  /** The room's position now. @param {RoomState} state @param {number} elapsed_ms */
  #placeAt(state, elapsed_ms) {
    const loop = this.#loop;
    const place_ns = placeOf(state, elapsed_ms);
    return loop && state.playing ? looped(place_ns, state.speed, loop) : place_ns;
  }

  /** How to reach the room's position. @param {number} goal_ns @param {number} speed */
  #pursue(goal_ns, speed) {
    const loop = this.#loop;
    const own_ns = this.#player.pts_ns;
    return pursue(own_ns, loop ? nearby(goal_ns, own_ns, loop) : goal_ns, speed);
  }

  /** Whether the former leader's heartbeat and this member's move crossed. @param {RoomState} state @param {number} now_ms */
  #crossed(state, now_ms) {
    if (!this.#before || now_ms - this.#moved_ms > CROSSING_MS) return false;
    const { state: old, at_ms } = this.#before;
    const goal_ns = placeOf(old, now_ms - at_ms);
    return state.by === old.by && state.playing && old.playing && state.speed === old.speed
      && !pursue(state.pts_ns, goal_ns, state.speed).jump;
  }

  /** @param {RoomState} state @param {number} now_ms */
  #follow(state, now_ms) {
    const { playing, speed } = state;
    this.#player.marks.follow(state.mark_in ?? null, state.mark_out ?? null);
    if (!playing) return this.#player.follow({ frame: state.frame, playing, speed });
    const goal_ns = this.#placeAt(state, now_ms - (this.#goal?.at_ms ?? now_ms));
    const inStep = this.#player.playing && this.#player.speed === speed && !this.#pursue(goal_ns, speed).jump;
    if (inStep) return;
    this.#player.follow({ frame: null, playing, speed });
    this.#jump(goal_ns, now_ms);
  }

  /** @param {number} goal_ns @param {number} now_ms */
  #jump(goal_ns, now_ms) {
    this.#jumped_ms = now_ms;
    const { playing, speed } = this.#player;
    this.#player.follow({ frame: this.#index.frameAt(goal_ns), playing, speed });
  }

  /** Sends this member's state to the room, once the current command is complete. */
  lead() {
    if (this.#pending) return;
    this.#pending = true;
    queueMicrotask(() => {
      this.#pending = false;
      this.#overtaken = false;
      this.#said_ms = performance.now();
      this.#tell({ leader: this.me });
      this.#send(undefined);
    });
  }

  async #post() {
    const { stream, frame, place_ns, pts_ns, playing, speed, marks } = this.#player;
    /** @type {RoomState} */
    const state = {
      stream_id: stream.stream_id, frame, pts_ns: Math.max(0, Math.round(playing ? pts_ns : place_ns)), playing, speed,
      mark_in: marks.in, mark_out: marks.out, at_us: Date.now() * 1000, age_us: 0, by: this.me,
    };

    this.#goal = { state, at_ms: performance.now() };
    await json(this.#url, {
      method: "POST", body: JSON.stringify(state), headers: { "Content-Type": "application/json" },
    });
  }

  /** @param {{leader?: string, away?: boolean}} news */
  #tell({ leader = this.leader, away = this.away }) {
    if (leader === this.leader && away === this.away) return;
    this.leader = leader;
    this.away = away;
    this.dispatchEvent(new Event("changed"));
  }
}
