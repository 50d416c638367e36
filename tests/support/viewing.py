"""A browser for the session; for each test a viewer process and a page that may have no error."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import requests
from framelog_local.ports import free_port
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.support.processes import Process, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.cluster import Topics

START_SECONDS = 300.0
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Viewer:
    """A viewer process that can go away and come back at the same address."""

    port: int
    environment: Mapping[str, str]
    log: Path
    process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def watch(self, stream_id: str, query: str = "") -> str:
        return f"{self.url}/streams/{stream_id}{query}"

    def start(self) -> None:
        process = self.launch()
        wait_for(self._is_ready, START_SECONDS, alive=process, what="the viewer")

    def launch(self) -> Process:
        """Start it, ready or not."""
        command = [sys.executable, "-m", "viewer"]
        self.process = Process("the viewer", command, log=self.log, env=dict(self.environment))
        return self.process

    def stop(self) -> None:
        if self.process:
            self.process.stop()
        self.process = None

    def stream(self, stream_id: str) -> dict[str, object]:
        """Return what the viewer says of a stream; empty while it knows none."""
        answer = requests.get(f"{self.url}/api/streams/{stream_id}", timeout=60)
        return dict(answer.json()) if answer.ok else {}

    def wait_for_frames(self, stream_id: str, count: int) -> None:
        wait_for(
            lambda: self.stream(stream_id).get("frame_count") == count,
            alive=self.process,
            what=f"{count} frames of {stream_id}",
        )

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=60).ok
        except (requests.ConnectionError, requests.Timeout):
            return False


@contextmanager
def running_viewer(topics: Topics, folder: Path, **settings: str) -> Iterator[Viewer]:
    """Run a viewer on these topics, with its log in the folder."""
    port = free_port()
    environment = os.environ | topics.environment | settings | {"FRAMELOG_VIEWER_PORT": str(port)}
    started = Viewer(port, environment, folder / f"viewer-{port}.log")
    try:
        started.start()
        yield started
    finally:
        started.stop()


@pytest.fixture
def viewer(topics: Topics, tmp_path: Path) -> Iterator[Viewer]:
    """Run a viewer on the test's topics."""
    with running_viewer(topics, tmp_path) as started:
        yield started


@pytest.fixture(scope="module")
def shared_viewer(
    shared_topics: Topics, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Viewer]:
    """Run a viewer on the topics of the file."""
    with running_viewer(shared_topics, tmp_path_factory.mktemp("viewer")) as started:
        yield started


def chromium() -> str | None:
    """Return the path of the system's Chromium; None where Playwright's own is to be used."""
    return shutil.which("chromium")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Run headless Chromium: the system's, or else Playwright's own."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Give each test a browser without cookies."""
    fresh = browser.new_context(viewport={"width": 1200, "height": 780})
    fresh.set_default_timeout(START_SECONDS * 1000)
    yield fresh
    fresh.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Open a page; a script error on it fails the test."""
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    assert errors == []
