"""What the browser's tests have in common besides the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.support.viewing import Viewer


@pytest.fixture
def run(viewer: Viewer, page: Page) -> Callable[[str, str], Any]:
    """Return a function that evaluates an expression with a module as `m`."""
    page.goto(viewer.url)

    def evaluate(module: str, body: str) -> Any:
        url = f"{viewer.url}/static/{module}"
        return page.evaluate(f"async () => {{ const m = await import('{url}'); {body} }}")

    return evaluate
