"""Under a path of its own behind a proxy: every request of the pages stays below that path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser.deck import Deck
from tests.browser.videos import write_video

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from tests.browser.conftest import Viewer
    from tests.support.cluster import Cluster, Topics


def test_pages_work_under_a_prefix(
    cluster: Cluster, topics: Topics, viewer: Viewer, page: Page
) -> None:
    viewer.stop()
    viewer.environment = {**viewer.environment, "FRAMELOG_VIEWER_BEHIND_PROXY": "1"}
    viewer.start()
    write_video(cluster, topics, 60)
    strays: list[str] = []

    def proxy(route: Route) -> None:
        request = route.request
        if not request.url.startswith(f"{viewer.url}/cameras/"):
            strays.append(request.url)
        headers = {**request.headers, "X-Forwarded-Prefix": "/cameras"}
        route.continue_(url=request.url.replace("/cameras/", "/"), headers=headers)

    page.context.route("**/*", proxy)
    deck = Deck(page, f"{viewer.url}/cameras/")
    page.locator(".card a").click()
    deck.wait_past(20)
    page.get_by_role("link", name="All streams").click()
    page.wait_for_function("() => document.querySelector('.picture img')?.naturalWidth === 320")
    assert page.url == f"{viewer.url}/cameras/"
    assert strays == []
