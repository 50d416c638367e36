"""A video of ten hours: exact times to its end, every frame, and memory that stays where it is."""

from fractions import Fraction
from pathlib import Path

from tests.faults.checks import check_exactly_once, make_film
from tests.faults.test_resources import MIB, memory_of_workers
from tests.support.amounts import amount
from tests.support.cluster import Cluster, Topics
from tests.support.ingest import Ingest
from tests.support.log_reader import LogReader
from tests.support.videos import Recipe

HOURS = 10
FRAMES = amount("TEN_HOURS_FRAMES", 1500)
# Television's odd rates are where rounding adds up.
RATE = Fraction(FRAMES, HOURS * 3600) * Fraction(1000, 1001)


def test_a_video_of_ten_hours(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    recipe = Recipe(frames=FRAMES, width=64, height=48, rate=RATE)
    film = make_film(tmp_path / "ten hours.mp4", recipe)
    ingest.drop(film.path)
    held = memory_of_workers(ingest, ingest.videos / "done" / film.name)
    check_exactly_once(cluster, topics, film)
    reader = LogReader(cluster)
    frames = [record.value for record in reader.read(topics.frames)]
    assert [frame["pts_ns"] for frame in frames] == [
        round(number * 10**9 / RATE) for number in range(FRAMES)
    ]
    end_ns = frames[-1]["pts_ns"] + frames[-1]["duration_ns"]
    assert end_ns == reader.read(topics.streams)[-1].value["duration_ns"]
    assert abs(end_ns - HOURS * 3600 * 10**9 * 1001 // 1000) <= 1
    middle = len(held) // 2
    assert max(held[middle:]) - max(held[:middle]) < 16 * MIB
