"""What the pages of a browser share, with servers and pages that are made up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# Sources that do what a test says, and pages that note what they are told.
_STAGE = """
const sources = [];
const hub = new m.ConnectionHub((url) => {
  const source = new EventTarget();
  source.url = url;
  source.readyState = 0;
  source.close = () => { source.readyState = 2; };
  source.open = () => { source.readyState = 1; source.dispatchEvent(new Event("open")); };
  source.tell = (name, data) =>
    source.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data) }));
  sources.push(source);
  return source;
});
const join = () => {
  const told = [];
  const port = { postMessage: (message) => told.push(message) };
  hub.connect(port);
  told.pop();
  return { told, say: (wanted, edge = false) => port.onmessage({ data: { wanted, edge } }) };
};
const catalogue = { url: "/api/events", room: null };
const room = (name) => ({ url: "/api/rooms/events", room: name });
const open = () => sources.filter(({ readyState }) => readyState !== 2).map(({ url }) => url);
const names = (page) => page.told.splice(0).map(({ type, name, data, held }) =>
  name === "streams" ? data.streams.map(({ stream_id }) => stream_id).join("")
    : name === "gone" ? `-${data.stream_ids.join("")}`
    : name === "room" ? `${data.room}${data.frame}`
    : held === undefined ? type : `${type} ${held}`);
const streams = (ids) => ({ streams: [...ids].map((stream_id) => ({ stream_id })) });
"""


def test_pages_share_one_connection_and_who_comes_later_is_told_all(
    run: Callable[[str, str], Any],
) -> None:
    result = run(
        "common/connection-hub.js",
        _STAGE
        + """
        const [ada, bob] = [join(), join()];
        ada.say([catalogue]);
        sources[0].open();
        sources[0].tell("streams", streams("abc"));
        sources[0].tell("streams", streams("d"));
        sources[0].tell("gone", { stream_ids: ["b"] });
        bob.say([catalogue]);
        const first = [names(ada), names(bob), open()];
        // Lost and found again: what went meanwhile is told, though the server doesn't say so.
        sources[0].dispatchEvent(new Event("error"));
        sources[0].open();
        sources[0].tell("streams", streams("acx"));
        const then = [names(ada), names(bob)];
        ada.say([]);
        sources[0].tell("streams", streams("y"));
        const alone = [names(ada), names(bob), open()];
        bob.say([]);
        return [first, then, alone, open()];
        """,
    )
    assert result == [
        [["opened", "abc", "d", "-b"], ["opened", "dac"], ["/api/events"]],
        [["failed", "opened", "-d", "acx"]] * 2,
        [[], ["y"], ["/api/events"]],
        [],
    ]


def test_rooms_are_listened_to_by_one_connection(run: Callable[[str, str], Any]) -> None:
    result = run(
        "common/connection-hub.js",
        _STAGE
        + """
        const [ada, bob, cy] = [join(), join(), join()];
        ada.say([room("den")]);
        sources[0].open();
        sources[0].tell("room", { room: "den", frame: 1, age_us: 5 });
        bob.say([room("den")]);
        const bobs = bob.told.at(-1).data.age_us >= 5;
        const first = [names(ada), names(bob), open()];
        cy.say([room("a b"), catalogue]);
        const both = open();
        sources[1].open();
        sources[1].tell("room", { room: "a b", frame: 2, age_us: 0 });
        sources[1].tell("room", { room: "den", frame: 3, age_us: 0 });
        const then = [names(ada), names(bob), names(cy)];
        cy.say([catalogue]);
        return [bobs, first, both, then, open()];
        """,
    )
    den, both = "/api/rooms/events?room=den", "/api/rooms/events?room=a%20b&room=den"
    assert result == [
        True,
        [["opened", "den1"], ["opened", "den1"], [den]],
        [both, "/api/events"],
        [["opened", "den3"], ["opened", "den3"], ["opened", "a b2"]],
        ["/api/events", den],
    ]


def test_a_room_too_many_silences_no_other(run: Callable[[str, str], Any]) -> None:
    result = run(
        "common/connection-hub.js",
        _STAGE
        + """
        const pages = Array.from({ length: 33 }, join);
        pages.forEach((page, n) => page.say([room(`r${n}`)]));
        return new URL(open()[0], "http://localhost").searchParams.getAll("room").length;
        """,
    )
    assert result == 32


def test_few_hold_a_connection_to_a_live_edge_and_the_next_gets_it(
    run: Callable[[str, str], Any],
) -> None:
    result = run(
        "common/connection-hub.js",
        _STAGE
        + """
        const pages = [join(), join(), join(), join()];
        for (const page of pages) page.say([], true);
        const first = pages.map(names);
        pages[0].say([], true);
        pages[1].say([], false);
        return [first, pages.map(names)];
        """,
    )
    assert result[0][:2] == [["edge true", "edge true"]] * 2
    assert result[0][2:] == [["edge false"]] * 2
    assert result[1] == [[], ["edge false"], ["edge true"], []]


def test_who_goes_without_a_word_holds_nothing(run: Callable[[str, str], Any]) -> None:
    result = run(
        "common/connection-hub.js",
        _STAGE
        + """
        let now_ms = 0;
        performance.now = () => now_ms;
        const pages = [join(), join(), join()];
        for (const page of pages) page.say([catalogue], true);
        for (const page of pages) names(page);
        now_ms = 9000;
        pages[1].say([catalogue], true);
        pages[2].say([catalogue], true);
        now_ms = 11000;
        pages[1].say([catalogue], true);
        const then = pages.map(names);
        // It was asleep, not gone: it is told how things are.
        pages[0].say([catalogue], true);
        return [then, names(pages[0]), open()];
        """,
    )
    assert result == [[["edge false"], [], ["edge true"]], ["edge false"], ["/api/events"]]


def test_a_refused_connection_is_tried_again(run: Callable[[str, str], Any]) -> None:
    result = run(
        "common/connection-hub.js",
        _STAGE
        + """
        const timers = [];
        window.setTimeout = (act, ms) => timers.push([act, ms]);
        const ada = join();
        ada.say([catalogue]);
        sources[0].open();
        sources[0].tell("streams", streams("ab"));
        sources[0].readyState = 2;
        sources[0].dispatchEvent(new Event("error"));
        timers.find(([, ms]) => ms === 3000)[0]();
        sources[1].open();
        sources[1].tell("streams", streams("b"));
        return [names(ada), open()];
        """,
    )
    assert result == [["opened", "ab", "failed", "opened", "-a", "b"], ["/api/events"]]
