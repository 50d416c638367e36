"""The memory that pictures take in a page is bounded, and shared by the streams of a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def test_pictures_take_no_more_than_their_share_of_memory(run: Callable[[str, str], Any]) -> None:
    held = run(
        "player/frame-feed.js",
        """
        let receive;
        let held = 0;
        let most = 0;
        const decoders = { open: (url, share, message) => { receive = message; return () => {}; } };
        const feed = new m.FrameFeed(decoders, "", 1 / 9);
        const size = { width: 1280, height: 720 };
        feed.update({ run_id: "r", fps: 25, bytes: 1e6, frame_count: 100, ...size });
        for (let frame = 0; frame < 100; frame += 1) {
          const bitmap = { close: () => { held -= 1; } };
          held += 1;
          const header = { frame };
          receive({ type: "frame", run_id: "r", header, bitmap, number: frame, decode_ms: 5 });
          most = Math.max(most, held);
        }
        return { most, bytes: 1280 * 720 * 4 };
        """,
    )
    assert 1 < held["most"] <= 256e6 / 9 / held["bytes"] + 1
