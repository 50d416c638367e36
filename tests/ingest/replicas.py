"""The watched folder as one replica of several sees it, and files in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.inbox.folders import Folders

from tests.ingest.clock import FakeClock

TAKEOVER_SECONDS = 10.0


@contextmanager
def replica(root: Path, name: str = "one", clock: FakeClock | None = None) -> Iterator[Folders]:
    folders = Folders(root, name, TAKEOVER_SECONDS, clock or FakeClock())
    folders.prepare()
    try:
        yield folders
    finally:
        folders.prepare()
        folders.release()


def drop(folders: Folders, name: str = "a.mp4", content: str = "video") -> Path:
    path = folders.incoming / name
    path.write_text(content, encoding="utf-8")
    return path


def claimed(folders: Folders, name: str = "a.mp4", content: str = "video") -> Path:
    path = folders.claim(drop(folders, name, content))
    assert path is not None
    return path


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
