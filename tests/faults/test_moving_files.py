"""A file that can't be moved to where it belongs waits, and the service lives.

The disks that these tests fill are small ones in memory; mounting them takes a root user.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.faults.checks import check_exactly_once, check_folders, make_film
from tests.support.cluster import Cluster, Topics
from tests.support.disks import mounted
from tests.support.ingest import Ingest
from tests.support.processes import wait_for
from tests.support.videos import Recipe

SOON = {"FRAMELOG_INGEST_INCOMPLETE_SECONDS": "0.2", "FRAMELOG_INGEST_RESCAN_SECONDS": "0.2"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 1 MiB and 64 files where the service's folder is going to be."""
    with mounted(tmp_path / "videos", "size=1m,nr_inodes=64") as folder:
        yield folder


def fill(disk: Path) -> list[Path]:
    """Take all room of a disk, and return what does."""
    filler = disk / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(disk).free))
    return [filler]


def use_up_files(disk: Path) -> list[Path]:
    """Make as many files as a disk can have, and return them."""
    fillers = [disk / f"filler {number}" for number in range(os.statvfs(disk).f_favail)]
    for filler in fillers:
        filler.touch()
    return fillers


def is_replaced(folder: Path, fillers: list[Path]) -> bool:
    """Delete a folder and have a file take its place on the disk, if the service is not first."""
    filler = fillers[0].with_name(f"filler {len(fillers)}")
    folder.rmdir()
    with suppress(OSError):
        filler.touch()
        fillers.append(filler)
    return not folder.exists()


def wait_for_log(ingest: Ingest, text: str) -> None:
    wait_for(
        lambda: text in ingest.log.read_text(encoding="utf-8"),
        60,
        alive=ingest.process,
        what=text,
    )


def wait_for_claim(ingest: Ingest, name: str) -> None:
    wait_for(
        lambda: list((ingest.videos / "processing").glob(f"*/{name}")),
        60,
        alive=ingest.process,
        what=f"{name} to be claimed",
    )


def test_on_a_full_disk_a_file_waits_for_its_note(
    small_disk: Path, ingest: Ingest, tmp_path: Path
) -> None:
    ingest.stop()
    ingest.start(**SOON)
    letter = tmp_path / "letter.mp4"
    letter.write_text("Dear Sir or Madam, " * 100, encoding="utf-8")
    shutil.copyfile(letter, small_disk / "waiting")
    fillers = fill(small_disk)
    (small_disk / "waiting").rename(ingest.videos / "incoming" / "letter.mp4")
    wait_for_log(ingest, "event=not_moved file='letter.mp4'")
    wait_for_claim(ingest, "letter.mp4")
    assert requests.get(f"{ingest.url}/healthz", timeout=60).ok
    for filler in fillers:
        filler.unlink()
    note = ingest.wait_for_file("failed/letter.mp4.reason.txt").read_text(encoding="utf-8")
    assert note.startswith("It is not a video, but a text.")
    assert (ingest.videos / "failed" / "letter.mp4").read_bytes() == letter.read_bytes()


def test_where_no_folder_can_be_made_a_file_waits_for_one(
    cluster: Cluster, topics: Topics, small_disk: Path, ingest: Ingest, tmp_path: Path
) -> None:
    ingest.stop()
    ingest.start(**SOON, FRAMELOG_INGEST_PACE="0.5x")
    film = make_film(tmp_path / "film.mp4", Recipe(frames=50, width=160, height=96))
    ingest.drop(film.path)
    wait_for_claim(ingest, film.name)
    fillers = use_up_files(small_disk)
    done = ingest.videos / "done"
    wait_for(lambda: is_replaced(done, fillers), alive=ingest.process, what="done/ to be gone")
    wait_for_log(ingest, f"event=not_moved file='{film.name}'")
    assert requests.get(f"{ingest.url}/healthz", timeout=60).ok
    for filler in fillers:
        filler.unlink()
    ingest.wait_for_file(f"done/{film.name}")
    check_exactly_once(cluster, topics, film)
    check_folders(ingest, film)
