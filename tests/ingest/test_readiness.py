"""What is said of the folder, before Kafka is asked."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ingest.config.settings import Settings
from ingest.kafka.readiness import Readiness


def missing(_: Path) -> None:
    pass


def a_file_in_its_place(videos: Path) -> None:
    videos.mkdir()
    (videos / "incoming").touch()


def a_file_in_the_place_of_all(videos: Path) -> None:
    videos.touch()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (missing, "The folder {incoming} does not exist: is {videos} mounted?"),
        (a_file_in_its_place, "{incoming} has to be a folder: move away what lies in its place."),
        (a_file_in_the_place_of_all, "{videos} has to be a folder: move away what lies in"),
    ],
)
def test_what_is_wrong_with_the_folder_is_said(
    tmp_path: Path, make: Callable[[Path], None], said: str
) -> None:
    videos = tmp_path / "videos"
    make(videos)
    found = Readiness(Settings.from_environ({"FRAMELOG_VIDEOS": str(videos)}), str).check()
    assert (found or "").startswith(said.format(incoming=videos / "incoming", videos=videos))


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES])
def test_a_disk_that_fails_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_: object, **__: object) -> os.stat_result:
        raise OSError(number, os.strerror(number))

    readiness = Readiness(Settings.from_environ({"FRAMELOG_VIDEOS": str(tmp_path)}), str)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", fail)
        found = readiness.check()
    assert found == f"The folder {tmp_path / 'incoming'} can't be accessed: {os.strerror(number)}."
