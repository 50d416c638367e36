"""One content under several names, dropped at once on several replicas: it is sent once."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from framelog_local.ports import free_port

from tests.faults.checks import Film, check_exactly_once, make_film
from tests.support.cluster import Cluster, Topics
from tests.support.ingest import Ingest
from tests.support.log_reader import LogReader
from tests.support.processes import wait_for
from tests.support.videos import Recipe

TAKEOVER_SECONDS = 3
SETTINGS = {
    "FRAMELOG_INGEST_BATCH_FRAMES": "5",
    "FRAMELOG_INGEST_PACE": "2x",
    "FRAMELOG_INGEST_RESCAN_SECONDS": "0.2",
    "FRAMELOG_INGEST_TAKEOVER_SECONDS": f"{TAKEOVER_SECONDS}",
}
NAMES = ("one", "two", "three")


@pytest.fixture
def film(tmp_path: Path) -> Film:
    """A film of twelve seconds: it is sent for twice as long as a lost worker is waited for."""
    return make_film(tmp_path / "film.mp4", Recipe(frames=300, width=160, height=96))


@pytest.fixture
def replicas(
    topics: Topics, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[list[Ingest]]:
    """Replicas on one folder, or each on a folder of its own; not started."""
    count, is_shared = request.param
    with ExitStack() as stack:
        made = []
        for name in NAMES[:count]:
            folder = tmp_path if is_shared else tmp_path / name
            folder.mkdir(exist_ok=True)
            ingest = Ingest(folder, free_port(), topics.environment, name)
            stack.callback(ingest.stop)
            made.append(ingest)
        yield made


def ended(ingest: Ingest, name: str) -> bool:
    places = (ingest.videos / folder / name for folder in ("done", "failed"))
    return any(place.exists() for place in places)


@pytest.mark.parametrize(
    "replicas", [(2, True), (3, True), (2, False), (3, False)], indirect=True, ids=str
)
def test_twins_at_once_are_sent_once_and_at_full_pace(
    cluster: Cluster, topics: Topics, replicas: list[Ingest], film: Film
) -> None:
    for ingest in replicas:
        ingest.start(**SETTINGS)
    for number, ingest in enumerate(replicas):
        ingest.drop(film.path, f"{number}.mp4")
    for number, ingest in enumerate(replicas):
        wait_for(
            lambda i=ingest, n=number: ended(i, f"{n}.mp4"),  # type: ignore[misc]
            120,
            alive=ingest.process,
            what=f"{number}.mp4",
        )
    (stream,) = {r.value["stream_id"] for r in LogReader(cluster).read(topics.streams)}
    state = LogReader(cluster).latest(topics.streams)[stream].value
    sent = Film(film.path.with_name(state["source_name"]), film.numbers)
    check_exactly_once(cluster, topics, sent)
    fences = [i.metric("framelog_ingest_worker_restarts_total", reason="fenced") for i in replicas]
    assert sum(fences) < len(replicas), "each is fenced once at most, by who comes at once with it"

    def notes() -> set[Path]:
        return {p for i in replicas for p in (i.videos / "done").glob("*.reason.txt")}

    # A note comes a moment after its file.
    wait_for(lambda: len(notes()) == len(replicas) - 1, what="a note beside each but one")
    assert all(f"is in the log already, as {stream}:" in note.read_text() for note in notes())


@pytest.mark.parametrize("replicas", [(2, False)], indirect=True, ids=str)
def test_who_waits_for_a_twin_goes_on_with_what_that_leaves(
    cluster: Cluster, topics: Topics, replicas: list[Ingest], film: Film
) -> None:
    """The other's folder is nobody's to take over: its stream is, once it stands still."""
    one, two = replicas
    for ingest in replicas:  # so slowly that the one is at it still when the other looks
        ingest.start(**SETTINGS | {"FRAMELOG_INGEST_PACE": "0.3x"})
    one.drop(film.path, "one.mp4")
    one.wait_for_frames(20)
    two.drop(film.path, "two.mp4")
    wait_for(
        lambda: "event=busy" in two.log.read_text(encoding="utf-8"),
        60,
        alive=two.process,
        what="the twin to be seen",
    )
    assert two.metric("framelog_ingest_frames_committed_total") == 0
    assert one.process is not None
    for process in [*one.workers(), psutil.Process(one.process.pid)]:
        process.kill()
    wait_for(lambda: ended(two, "two.mp4"), 120, alive=two.process, what="two.mp4")
    check_exactly_once(cluster, topics, Film(film.path.with_name("one.mp4"), film.numbers))
