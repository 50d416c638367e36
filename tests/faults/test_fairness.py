"""A stream with a schedule keeps it, whatever else is ingested."""

import struct
from fractions import Fraction
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.faults.checks import Film, make_film
from tests.support.ingest import INGEST_SECONDS, Ingest
from tests.support.processes import wait_for
from tests.support.videos import Recipe

REALTIME = 'pace = "realtime"\n'


def make_fast(folder: Path, count: int) -> list[Film]:
    """Make films that take a while to send; a box that players pass over tells them apart."""
    film = make_film(folder / "fast.mp4", Recipe(frames=250, width=960, height=540))
    films = []
    for number in range(count):
        path = folder / f"fast {number}.mp4"
        path.write_bytes(film.path.read_bytes() + struct.pack(">I4sI", 12, b"free", number))
        films.append(Film(path, film.numbers))
    return films


@pytest.fixture
def fast(tmp_path: Path) -> list[Film]:
    return make_fast(tmp_path, 4)


@pytest.fixture
def ten_fast(tmp_path: Path) -> list[Film]:
    return make_fast(tmp_path, 10)


@pytest.fixture
def paced(tmp_path: Path) -> Film:
    return make_film(tmp_path / "paced.mp4", Recipe(frames=60, first=50_000))


def drop_paced(ingest: Ingest, film: Film) -> None:
    beside = ingest.videos / "incoming" / f"{film.name}.toml"
    beside.write_text(REALTIME, encoding="utf-8")
    ingest.drop(film.path)


def late_shares(ingest: Ingest) -> dict[float, float]:
    """Return the share of batches that were at most so many seconds late."""
    text = requests.get(f"{ingest.url}/metrics", timeout=60).text
    counts = {
        float(sample.labels["le"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "framelog_ingest_late_seconds_bucket"
    }
    return {limit: count / counts[float("inf")] for limit, count in counts.items()}


def test_a_realtime_stream_keeps_its_schedule_among_fast_ones(
    ingest: Ingest, ten_fast: list[Film], paced: Film
) -> None:
    ingest.stop()
    ingest.start(FRAMELOG_INGEST_WORKERS="10")
    for film in ten_fast:
        ingest.drop(film.path)
    ingest.wait_for_first_frames(*(film.name for film in ten_fast))
    drop_paced(ingest, paced)
    ingest.wait_for_file(f"done/{paced.name}")
    # Generous: the tests share their machine, and the broker its processors.
    shares = late_shares(ingest)
    assert shares[0.5] >= 0.7, shares
    assert shares[2.5] >= 0.95, shares
    for film in (*ten_fast, paced):
        ingest.wait_for_file(f"done/{film.name}")


def test_a_stream_of_rare_frames_is_not_taken_for_one_that_hangs(
    ingest: Ingest, tmp_path: Path
) -> None:
    ingest.stop()
    ingest.start(FRAMELOG_INGEST_STALL_SECONDS="5")
    rare = make_film(tmp_path / "rare.mp4", Recipe(frames=2, rate=Fraction(1, 8)))
    drop_paced(ingest, rare)
    ingest.wait_for_file("done/rare.mp4", "failed/rare.mp4")
    assert ingest.metric("framelog_ingest_worker_restarts_total", reason="hung") == 0


def test_fast_streams_share_evenly(ingest: Ingest, fast: list[Film]) -> None:
    """From when all are begun until the first is sent, none is left behind."""
    ingest.stop()
    ingest.start(FRAMELOG_INGEST_WORKERS=str(len(fast)), FRAMELOG_INGEST_BATCH_FRAMES="1")
    for film in fast:
        ingest.drop(film.path)
    ingest.wait_for_first_frames(*(film.name for film in fast))
    before = sent(ingest, fast)
    wait_for(
        lambda: len(list((ingest.videos / "done").glob("*.mp4"))),
        INGEST_SECONDS,
        alive=ingest.process,
        what="the first",
    )
    after = sent(ingest, fast)
    # Compared with what each had still to send: the first to begin is the first to end.
    shares = [
        (now - then) / (len(fast[0].numbers) - then)
        for then, now in zip(before, after, strict=True)
    ]
    assert min(shares) > max(shares) / 4, (before, after)
    for film in fast:
        ingest.wait_for_file(f"done/{film.name}")


def sent(ingest: Ingest, films: list[Film]) -> list[int]:
    """Return how many frames of each film are committed."""
    files = requests.get(f"{ingest.url}/api/files", timeout=60).json()["files"]
    whole = len(films[0].numbers)
    counts = {f["name"]: whole if f["state"] == "done" else f["frame_count"] or 0 for f in files}
    return [counts[film.name] for film in films]


def test_a_realtime_stream_does_not_wait_for_a_worker(
    ingest: Ingest, fast: list[Film], paced: Film
) -> None:
    ingest.stop()
    # A transaction a frame: the fast films, one after another, take far longer than the paced one.
    ingest.start(FRAMELOG_INGEST_WORKERS="1", FRAMELOG_INGEST_BATCH_FRAMES="1")
    for film in fast:
        ingest.drop(film.path)
    ingest.wait_for_frames(1)
    drop_paced(ingest, paced)
    ingest.wait_for_first_frames(paced.name)
    waiting = [film.name for film in fast if not (ingest.videos / "done" / film.name).exists()]
    assert waiting, "the fast ones were sent first"
    for film in (*fast, paced):
        ingest.wait_for_file(f"done/{film.name}")
