"""Under a path of its own behind a proxy: every request of the pages stays below that path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser.deck import LIMIT_MS, Deck
from tests.browser.proxy import reverse_proxy
from tests.browser.videos import write_video
from tests.support.viewing import running_viewer

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.support.cluster import Cluster, Topics


def test_pages_work_under_a_prefix(
    cluster: Cluster, own_topics: Topics, page: Page, tmp_path: Path
) -> None:
    write_video(cluster, own_topics, 200)
    with (
        running_viewer(own_topics, tmp_path, FRAMELOG_VIEWER_BEHIND_PROXY="1") as viewer,
        reverse_proxy(viewer.port, "/cameras") as (base, strays),
    ):
        page.add_init_script("delete window.showSaveFilePicker;")
        requested: list[str] = []
        page.on("request", lambda request: requested.append(request.url))
        deck = Deck(page, base)
        page.locator(".card a").click()
        deck.wait_past(20)
        deck.press("k", "s")
        with page.expect_download() as download:
            page.locator("#export-save").click()
        assert download.value.path().stat().st_size > 200 * 1000
        deck.press("Escape", "w")
        page.get_by_label("Room", exact=True).fill("one")
        deck.click("Join")
        deck.wait_until("() => document.querySelector('#room-badge').dataset.leading === 'true'")
        page.get_by_role("link", name="All streams").click()
        page.get_by_role("link", name="Status").click()
        page.get_by_text("One broker answers.").wait_for(timeout=LIMIT_MS)
        page.get_by_role("link", name="All streams").click()
        page.wait_for_function("() => document.querySelector('.picture img')?.naturalWidth === 320")
        assert page.url == base
        page.get_by_label("Select clip.mp4 for the grid").check()
        page.get_by_role("link", name="Watch in a grid").click()
        page.wait_for_selector(".tile canvas[data-frame]", timeout=LIMIT_MS)
        assert [url for url in requested if not url.startswith((base, "blob:", "data:"))] == []
        assert strays == []
