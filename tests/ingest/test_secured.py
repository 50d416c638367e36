"""Setup and ingest with a broker that asks for SASL over TLS, and a registry behind a login."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import framelog_setup
import pytest
import requests
from framelog_local.ports import free_port

from tests.faults.checks import check_exactly_once, make_film
from tests.support.cluster import Topics, unique_topics
from tests.support.ingest import Ingest, verify
from tests.support.log_reader import LogReader
from tests.support.processes import wait_for
from tests.support.secured import PASSWORD, REGISTRY_LOGIN, SecuredCluster
from tests.support.videos import Recipe

GUESS = "no-more-than-a-guess"
WRONG = {
    "FRAMELOG_KAFKA_SASL_PASSWORD": "refuses ingest's login: check FRAMELOG_KAFKA_SASL_USERNAME",
    "FRAMELOG_KAFKA_SSL_CA_LOCATION": "can't be reached by TLS: check",
    "FRAMELOG_SCHEMA_REGISTRY_USER_INFO": "refuses ingest's login: check "
    "FRAMELOG_SCHEMA_REGISTRY_USER_INFO",
}


@pytest.fixture
def topics(secured: SecuredCluster) -> Iterator[Topics]:
    """Have topics made by the open doors, and everything under test come by the locked ones."""
    with unique_topics(secured.open) as made:
        yield replace(made, environment={**made.environment, **secured.environment})


@pytest.fixture
def ingest(topics: Topics, tmp_path: Path) -> Iterator[Ingest]:
    made = Ingest(tmp_path, free_port(), topics.environment)
    yield made
    made.stop()


def test_a_video_goes_its_way_behind_the_locks(
    secured: SecuredCluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    lines = framelog_setup.set_up(framelog_setup.from_environment(topics.environment))
    assert len(lines) == 6
    ingest.start()
    film = make_film(tmp_path / "film.mp4", Recipe(frames=20))
    ingest.drop(film.path)
    done = ingest.wait_for_file("done/film.mp4", "failed/film.mp4")
    check_exactly_once(secured.open, topics, film)
    [stream_id] = {record.key for record in LogReader(secured.open).read(topics.streams)}
    status, said = verify(topics.environment, stream_id, "--file", str(done))
    assert (status, said[:3]) == (0, "ok "), said
    assert requests.delete(f"{ingest.url}/api/streams/{stream_id}", timeout=60).ok
    assert verify(topics.environment, "all") == (0, "")
    for secret in (PASSWORD, REGISTRY_LOGIN.partition(":")[2]):
        assert secret not in ingest.log.read_text(encoding="utf-8")


@pytest.mark.parametrize("key", WRONG)
def test_who_is_not_let_in_says_what_to_check(ingest: Ingest, topics: Topics, key: str) -> None:
    guess = {
        "FRAMELOG_KAFKA_SSL_CA_LOCATION": "",
        "FRAMELOG_SCHEMA_REGISTRY_USER_INFO": f"framelog:{GUESS}",
    }
    ingest.launch(**{key: guess.get(key, GUESS)})

    def says_so() -> bool:
        try:
            return WRONG[key] in requests.get(f"{ingest.url}/readyz", timeout=60).text
        except requests.ConnectionError:
            return False

    wait_for(says_so, 90, alive=ingest.process, what=WRONG[key])
    assert GUESS not in ingest.log.read_text(encoding="utf-8")


def test_the_setup_says_so_too(topics: Topics) -> None:
    wrong = {"FRAMELOG_SCHEMA_REGISTRY_USER_INFO": f"framelog:{GUESS}"}
    settings = framelog_setup.from_environment({**topics.environment, **wrong})
    assert GUESS not in repr(settings)
    with pytest.raises(framelog_setup.SetupError, match="refuses the login"):
        framelog_setup.set_up(settings)
