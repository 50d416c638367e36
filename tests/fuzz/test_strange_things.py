"""What lies in incoming/ and is no file is left alone; names are only names."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.ingest import Ingest
from tests.support.processes import wait_for
from tests.support.videos import Recipe, make_video

TINY = Recipe(frames=5, width=64, height=48)
FORGED = "2026-01-01T00:00:00.000+00:00 CRITICAL ingest pid=1 event=forged"
NAMES = [
    f"a\n{FORGED}.mp4",
    f"b\r{FORGED}.mp4",
    f"c\u2028{FORGED}\x85\x0b\x0c.mp4",
    "d\x1b[2J\x1b]0;title\x07.mp4",
    'e", "level": "CRITICAL", "message": "forged.mp4',
    b"f \xff\xfe.mp4".decode("utf-8", "surrogateescape"),
    "-.. g.mp4",
]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return make_video(tmp_path / "film.mp4", TINY)


@pytest.fixture
def strange(ingest: Ingest, film: Path) -> Iterator[list[Path]]:
    """Lay things that are no files into incoming/ of a running service."""
    ingest.start()
    incoming = ingest.videos / "incoming"
    (incoming / "folder.mp4").mkdir()
    (incoming / "link.mp4").symlink_to(film)
    (incoming / "broken link.mp4").symlink_to(film.parent / "gone")
    (incoming / "loop.mp4").symlink_to("loop.mp4")
    os.mkfifo(incoming / "pipe.mp4")
    if os.geteuid() == 0:  # only root can make a device; this one is /dev/zero
        os.mknod(incoming / "device.mp4", 0o20666, os.makedev(1, 5))
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        here = Path.cwd()
        os.chdir(incoming)  # a socket's path has to be short
        listener.bind("socket.mp4")
        os.chdir(here)
        yield sorted(incoming.iterdir())


def test_strange_things_stay_where_they_are(
    ingest: Ingest, strange: list[Path], film: Path
) -> None:
    ingest.drop(film)
    ingest.wait_for_file("done/film.mp4")
    lines = ingest.log.read_text(encoding="utf-8").splitlines()
    for path in strange:
        warnings = [line for line in lines if f"event=left_alone file={path.name!r}" in line]
        assert len(warnings) == 1, path.name
        assert " WARNING " in warnings[0]
    assert sorted((ingest.videos / "incoming").iterdir()) == strange
    assert (ingest.videos / "incoming" / "link.mp4").is_symlink()
    assert film.exists()


@pytest.mark.parametrize("style", ["text", "json"])
def test_names_are_no_lines_of_the_log(ingest: Ingest, tmp_path: Path, style: str) -> None:
    ingest.start(FRAMELOG_LOG_FORMAT=style, FRAMELOG_INGEST_INCOMPLETE_SECONDS="0.1")
    begun = ingest.log.stat().st_size
    for number, name in enumerate(NAMES):
        path = make_video(tmp_path / "film.mp4", Recipe(5, 64, 48, first=number * 100))
        ingest.drop(path, name)
    (ingest.videos / "incoming" / f"h\n{FORGED}.fifo").mkdir()
    for name in NAMES:
        ingest.wait_for_file(f"done/{name}")
    wait_for(lambda: ingest.log.read_bytes().count(b"left_alone") == 1, 30, alive=ingest.process)
    for line in ingest.log.read_bytes()[begun:].split(b"\n")[:-1]:
        text = line.decode("ascii")
        assert text.isprintable(), text
        if style == "json":
            assert json.loads(text)["logger"].startswith("ingest")
        else:
            level = text.split(" ")[1]
            assert level in {"INFO", "WARNING"}, text


def test_settings_of_any_kind_fail_their_own_video(ingest: Ingest, tmp_path: Path) -> None:
    ingest.start()
    incoming = ingest.videos / "incoming"
    (incoming / "deep.mp4.toml").write_text("a=" + "[" * 600 + "]" * 600)
    (incoming / "dots.mp4.toml").write_text(".".join("a" * 8000) + " = 1")
    (incoming / "number.mp4.toml").write_text('rate = "1e999999999"')
    with (incoming / "sparse.mp4.toml").open("wb") as file:
        file.truncate(8 << 30)
    os.mkfifo(incoming / "pipe.mp4.toml")
    names = ("deep", "dots", "number", "sparse", "pipe")
    for number, name in enumerate(names):
        recipe = Recipe(5, 64, 48, first=number * 100)
        ingest.drop(make_video(tmp_path / f"{name}.mp4", recipe))
    ingest.wait_for_file("done/pipe.mp4")
    for name in names[:-1]:
        note = ingest.wait_for_file(f"failed/{name}.mp4.reason.txt").read_text()
        assert note.startswith(f"Its settings in '{name}.mp4.toml' can't be used: "), note
        assert len(note) < 600
        ingest.wait_for_file(f"failed/{name}.mp4.toml")


@pytest.mark.parametrize("place", ["incoming", "processing", "done"])
def test_what_lies_in_the_place_of_a_folder_is_waited_for(
    ingest: Ingest, film: Path, place: str
) -> None:
    ingest.videos.mkdir()
    (ingest.videos / place).write_text("no folder")
    process = ingest.launch(FRAMELOG_INGEST_RESCAN_SECONDS="0.2")
    sentence = f"{place} has to be a folder".encode() if place != "processing" else b"has to be a"
    wait_for(lambda: sentence in ingest.log.read_bytes(), 60, alive=process)
    assert (ingest.videos / place).read_text() == "no folder"
    (ingest.videos / place).unlink()
    wait_for((ingest.videos / "incoming").is_dir, 60, alive=process)
    ingest.drop(film)
    ingest.wait_for_file("done/film.mp4")
