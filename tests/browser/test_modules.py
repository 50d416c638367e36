"""The page's pure modules, run in the browser that they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.support.viewing import Viewer


def test_records_are_cut_from_chunks_of_any_size(run: Callable[[str, str], Any]) -> None:
    result = run(
        "player/frame-records.js",
        """
        const make = (frame, image, header = 88) => {
          const bytes = new Uint8Array(header + image.length);
          const view = new DataView(bytes.buffer);
          view.setUint32(0, 0x464c4631);
          view.setUint16(4, header);
          view.setUint8(6, 1);
          view.setUint8(7, frame === 2 ? 1 : 0);
          view.setBigUint64(8, BigInt(frame));
          view.setBigInt64(16, BigInt(frame) * 40_000_000n);
          view.setUint32(80, image.length);
          view.setUint32(84, frame);
          bytes.set(image, header);
          return bytes;
        };
        // The second has a longer header, as a later version of the format may.
        const parts = [make(0, [1, 2, 3]), make(1, [], 96), make(2, Array(300).fill(7))];
        const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
        parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
        return [1, 7, 88, 89, 1000].map((size) => {
          const parser = new m.RecordParser();
          const records = [];
          for (let at = 0; at < whole.length; at += size) {
            records.push(...parser.push(whole.slice(at, at + size)));
          }
          return [parser.unfinished, records.map(({ header: h, image }) =>
            [h.frame, h.pts_ns, h.is_last, h.skipped, h.mime_type, image.length])];
        });
        """,
    )
    expected = [
        [0, 0, False, 0, "image/jpeg", 3],
        [1, 40_000_000, False, 1, "image/jpeg", 0],
        [2, 80_000_000, True, 2, "image/jpeg", 300],
    ]
    assert result == [[False, expected]] * 5


def test_foreign_bytes_are_refused_and_a_broken_end_is_noticed(
    run: Callable[[str, str], Any],
) -> None:
    result = run(
        "player/frame-records.js",
        """
        const parser = new m.RecordParser();
        parser.push(new Uint8Array(20));
        let refused = false;
        try { new m.RecordParser().push(new Uint8Array(100)); } catch { refused = true; }
        return [parser.unfinished, refused];
        """,
    )
    assert result == [True, True]


def test_the_clock_goes_at_its_rate_and_stops_while_held(run: Callable[[str, str], Any]) -> None:
    result = run(
        "player/media-clock.js",
        """
        let clock = m.play(m.at(1e9), 1000);
        const places = [m.ptsAt(clock, 1500)];
        clock = m.setRate(clock, 1500, -2);
        places.push(m.ptsAt(clock, 1750));
        clock = m.setHeld(clock, 1750, true);
        places.push(m.ptsAt(clock, 9000));
        clock = m.setHeld(clock, 9000, false);
        places.push(m.ptsAt(clock, 9100));
        clock = m.pause(clock, 9100);
        return [...places, m.ptsAt(clock, 99999)].map((ns) => ns / 1e6);
        """,
    )
    assert result == [1500, 1000, 1000, 800, 800]


def test_the_clock_stops_at_the_ends_and_turns_over_in_a_loop(
    run: Callable[[str, str], Any],
) -> None:
    result = run(
        "player/media-clock.js",
        """
        const range = { low_ns: 1e9, high_ns: 2e9, loop: false };
        const clock = m.play(m.at(1.5e9), 0);
        const stopped = m.within(clock, 900, range);
        const looped = m.within(clock, 900, { ...range, loop: true });
        const back = m.within(m.setRate(clock, 0, -1), 900, range);
        return [stopped.reached, stopped.clock.pts_ns, looped.reached, looped.clock.pts_ns,
          back.reached, back.clock.pts_ns];
        """,
    )
    assert result == ["end", 2e9, None, 1e9, "start", 1e9]


def test_windows_lie_side_by_side_and_are_the_same_for_all(run: Callable[[str, str], Any]) -> None:
    result = run(
        "player/fetch-plan.js",
        """
        const range = { first: 10, edge: 100 };
        const window = (missing, step, size, { follow = false, urgent = false, ...other } = {}) => {
          const wish = { follow, range: { ...range, ...other } };
          const found = m.windowFor(missing, step, size, wish, urgent);
          return [found.from, found.count, found.stride, found.follow];
        };
        return {
          whole: [window(40, 1, 32), window(32, 1, 32), window(63, 1, 32), window(63, -1, 32)],
          urgent: [window(40, 1, 32, { urgent: true }), window(40, -1, 32, { urgent: true })],
          alone: [window(41, 1, 1, { urgent: true }), window(0, 1, 1, { first: 0 })],
          first: [
            window(12, 1, 32), window(12, -1, 32),
            window(12, 4, 4), window(10, 4, 8), window(16, 4, 8),
          ],
          edge: [window(97, 1, 32), window(97, 1, 32, { urgent: true }), window(96, 4, 32)],
          strides: [window(44, 4, 8), window(44, -4, 8, { urgent: true }), window(32, 4, 8)],
          live: [[90, 1], [50, 1], [90, -1]].map(
            ([missing, step]) => window(missing, step, 32, { follow: true })),
        };
        """,
    )
    assert result == {
        "whole": [[32, 32, 1, False]] * 4,
        "urgent": [[40, 24, 1, False], [32, 9, 1, False]],
        "alone": [[41, 1, 1, False], [0, 1, 1, False]],
        "first": [
            [10, 22, 1, False],
            [10, 22, 1, False],
            [12, 1, 4, False],
            [10, 1, 1, False],
            [12, 5, 4, False],
        ],
        "edge": [[97, 3, 1, False], [97, 3, 1, False], [96, 1, 4, False]],
        "strides": [[32, 8, 4, False], [32, 4, 4, False], [32, 8, 4, False]],
        "live": [[90, None, 1, True], [32, 32, 1, False], [64, 32, 1, False]],
    }


def test_windows_are_of_a_second_or_two(run: Callable[[str, str], Any]) -> None:
    result = run(
        "player/fetch-plan.js",
        "return [1, 5, 10, 24, 25, 29.97, 60, 240].map((fps) => m.windowFrames(fps, 64))"
        ".concat([m.windowFrames(25, 20.5), m.windowFrames(25, 0.5), m.windowFrames(25, 1)])",
    )
    assert result == [2, 8, 16, 32, 32, 32, 64, 64, 16, 1, 1]


def test_what_to_have_ready(run: Callable[[str, str], Any]) -> None:
    result = run(
        "player/fetch-plan.js",
        """
        const range = { first: 10, edge: 100 };
        return [
          m.upcoming(13, 4, 3, range), m.upcoming(13, -4, 9, range), m.surrounding(10, range),
          m.strideFor(25, 120), m.strideFor(-400, 120), m.strideFor(50, 20),
        ];
        """,
    )
    assert result == [[13, 16, 20], [13, 12], [10, 11, 12, 13, 14], 1, 7, 3]


def test_a_store_keeps_what_is_near_within_its_bytes(run: Callable[[str, str], Any]) -> None:
    result = run(
        "player/frame-store.js",
        """
        const dropped = [];
        const store = new m.FrameStore(50, (item) => dropped.push(item));
        for (const frame of [1, 2, 3, 9, 4, 5, 6]) {
          store.put(frame, frame, 10, (other) => Math.abs(other - 4));
        }
        const nearest = [store.nearest(2, 8), store.nearest(6, 0), store.nearest(6, 9)];
        return [store.bytes, dropped, ...nearest];
        """,
    )
    assert result == [50, [9, 1], 6, 2, None]


def test_the_edge_is_followed_at_its_own_speed(run: Callable[[str, str], Any]) -> None:
    result = run(
        "player/live-edge-pursuit.js",
        """
        const sample = (speed, i) => ({ at_ms: i * 500, pts_ns: i * 5e8 * speed });
        const samples = (speed) =>
          Array.from({ length: 8 }, (_, i) => sample(speed, i)).reduce(m.observe, []);
        return [m.speed(samples(1.05)), m.speed(samples(12)), m.speed([]),
          m.pursue(samples(1), m.DELAY_MS * 1e6), m.pursue(samples(1), 2e9).rate > 1,
          m.pursue(samples(1), 1e7).rate < 1, m.pursue(samples(1), 60e9).jump_ns / 1e6];
        """,
    )
    assert result == [1, 12, 1, {"rate": 1, "jump_ns": None}, True, True, 900]


def test_typed_times_are_read(run: Callable[[str, str], Any]) -> None:
    result = run(
        "common/format.js",
        """
        const typed = ["95", "1:35", "0:01:35.250", "1,5", " 7 s ", "soon", "", "1:2:3:4"];
        return [typed.map(m.parseTime), m.time(95.25e9, { exact: true }), m.time(3723e9),
          m.bytes(1500), m.bytes(0), m.span(2.4e9)];
        """,
    )
    times_ns = [95e9, 95e9, 95.25e9, 1.5e9, 7e9, None, None, None]
    assert result == [times_ns, "1:35.250", "1:02:03", "1.5 kB", "0 B", "2.4 s"]


def test_the_time_left_is_said_in_words(run: Callable[[str, str], Any]) -> None:
    words = run("common/messages.js", "return [90e9, 0, -5].map((ns) => m.retention.left(ns))")
    assert words == ["2 min left", "Expires now", "Expires now"]
    until = run(
        "common/messages.js", "return [m.retention.until(null, null), m.retention.until(null, 5e9)]"
    )
    assert until == ["No limit", "Until the partition exceeds 5.0 GB"]


def test_a_gap_is_where_frames_stay_away_for_long(run: Callable[[str, str], Any]) -> None:
    gaps = run(
        "player/timeline-drawing.js",
        """
        const at = (pts_ns) => ({ pts_ns, size: 1 });
        const every = (ns, frames) => frames.map((frame) => at(frame * ns));
        const steady = every(40e6, [...Array(50).keys()]);
        const broken = steady.filter((_, frame) => frame < 20 || frame > 45);
        const slides = every(5e9, [0, 1, 2, 3]);
        const ends = [[steady, 2e9], [broken, 2e9], [slides, 20e9], [[], 0]];
        return ends.map(([samples, end_ns]) => m.gapsOf(samples, end_ns));
        """,
    )
    assert gaps == [[], [{"start_ns": 800e6, "end_ns": 1840e6}], [], []]


def test_places_in_a_loop_are_close_around_its_end(run: Callable[[str, str], Any]) -> None:
    found = run(
        "player/room-sync.js",
        """
        const loop = { start_ns: 100, end_ns: 200 };
        return {
          looped: [150, 210, 420, 50].map((goal) => m.looped(goal, 1, loop)),
          backwards: [150, 90, -40, 250].map((goal) => m.looped(goal, -1, loop)),
          nearby: [[110, 190], [190, 110], [140, 160], [50, 190]].map(
            ([place, near]) => m.nearby(place, near, loop)),
        };
        """,
    )
    assert found == {
        "looped": [150, 110, 120, 50],
        "backwards": [150, 190, 160, 250],
        "nearby": [210, 90, 140, 50],
    }


def test_a_new_room_is_told_once_and_one_that_has_spoken_only_of_moves(
    viewer: Viewer, page: Page, run: Callable[[str, str], Any]
) -> None:
    # A page without a script has no hub yet.
    page.goto(f"{viewer.url}/healthz")
    result = run(
        "player/room.js",
        """
        const sources = [], timers = [], sent = [];
        window.EventSource = class extends EventTarget {
          constructor() { super(); sources.push(this); }
          close() {}
        };
        // The page has a hub of its own then, which hears of these sources.
        window.SharedWorker = undefined;
        const later = window.setTimeout;
        window.setTimeout = (act, ms) => (ms === 1000 ? timers.push(act) : later(act, ms));
        window.fetch = async (url, { body }) => (
          sent.push(JSON.parse(body).by), { ok: true, json: async () => ({}) }
        );
        // The page and its hub speak by messages: one of ours comes after all of theirs.
        const message = () => new Promise((resolve) => {
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = resolve;
          port2.postMessage(null);
        });
        const turn = async () => { for (let n = 0; n < 20; n++) await message(); };
        const counts = [];
        for (const speaks of [false, true]) {
          const player = Object.assign(new EventTarget(), {
            stream: { stream_id: "s" }, marks: { follow() {}, in: null, out: null },
            frame: 5, place_ns: 0, pts_ns: 0, playing: false, speed: 1, follow() {},
          });
          new m.Room("den", { url: "/room", events: `/events/${speaks}` }, "me", player, {});
          await turn();
          const source = sources.at(-1);
          source.dispatchEvent(new Event("open"));
          const other = {
            room: "den", by: "other", stream_id: "s", frame: 1, pts_ns: 0, playing: false, speed: 1,
            age_us: 0,
          };
          await turn();
          if (speaks) {
            source.dispatchEvent(new MessageEvent("room", { data: JSON.stringify(other) }));
            await turn();
            player.dispatchEvent(new Event("moved"));
          }
          await turn();
          counts.push(sent.length);
          timers.splice(0).forEach((act) => act());
          await turn();
          counts.push(sent.length);
        }
        return counts;
        """,
    )
    assert result == [0, 1, 2, 2]
