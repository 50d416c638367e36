"""A copy that pauses is not taken for a video that was cut off."""

from pathlib import Path

import pytest

from tests.faults.checks import check_exactly_once, check_folders, make_film
from tests.support.cluster import Cluster, Topics
from tests.support.ingest import Ingest
from tests.support.processes import wait_for
from tests.support.videos import Recipe

# Long, so that only the copy's end can be what is waited for.
PATIENT = {"FRAMELOG_INGEST_SETTLE_SECONDS": "0.1", "FRAMELOG_INGEST_INCOMPLETE_SECONDS": "60"}


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "avi"])
def test_a_copy_that_pauses_is_waited_for(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path, suffix: str
) -> None:
    ingest.start(**PATIENT)
    film = make_film(tmp_path / f"film.{suffix}", Recipe(frames=50, faststart=suffix == "mp4"))
    content = film.path.read_bytes()
    arriving = ingest.videos / "incoming" / film.name
    with arriving.open("wb") as file:
        file.write(content[: len(content) // 2])
        file.flush()
        wait_for(
            lambda: "event=unfinished" in ingest.log.read_text(encoding="utf-8"),
            60,
            alive=ingest.process,
            what="a look at the first half",
        )
        assert arriving.exists()
        file.write(content[len(content) // 2 :])
    ingest.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
    check_exactly_once(cluster, topics, film)
    check_folders(ingest, film)


def test_a_file_whose_end_never_comes_is_taken_as_it_is(ingest: Ingest, tmp_path: Path) -> None:
    ingest.start(FRAMELOG_INGEST_INCOMPLETE_SECONDS="1")
    film = make_film(tmp_path / "film.mkv", Recipe(frames=50))
    film.path.write_bytes(film.path.read_bytes()[:-2000])
    ingest.drop(film.path)
    note = ingest.wait_for_file(f"failed/{film.name}.reason.txt")
    assert note.read_text(encoding="utf-8").startswith("The file was cut off: ")
