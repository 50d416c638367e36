"""Setup and ingest with a broker that asks for SASL over TLS, and a registry behind a login."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import framelog_setup
import pytest
import requests
from confluent_kafka.admin import AclOperation, AclPermissionType, ResourceType
from ingest.media.fingerprint import content_id, fingerprint

from tests.faults.checks import check_exactly_once, check_folders, make_film
from tests.ingest.desk import JSON
from tests.support.cluster import Topics, set_limit, unique_topics
from tests.support.ingest import Ingest, verify
from tests.support.log_reader import LogReader
from tests.support.processes import wait_for
from tests.support.secured import PASSWORD, REGISTRY_LOGIN, SecuredCluster, rule, rules
from tests.support.videos import Recipe

GUESS = "no-more-than-a-guess"
WRONG = {
    "FRAMELOG_KAFKA_SASL_PASSWORD": "rejected ingest's login: check FRAMELOG_KAFKA_SASL_USERNAME",
    "FRAMELOG_KAFKA_SSL_CA_LOCATION": "can't be reached by TLS: check",
    "FRAMELOG_SCHEMA_REGISTRY_USER_INFO": "rejected ingest's login: check "
    "FRAMELOG_SCHEMA_REGISTRY_USER_INFO",
}


@pytest.fixture
def topics(secured: SecuredCluster) -> Iterator[Topics]:
    """Have topics made by the open doors, and everything under test come by the locked ones."""
    with unique_topics(secured.open) as made:
        yield replace(made, environment={**made.environment, **secured.environment})


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
    assert requests.delete(f"{ingest.url}/api/streams/{stream_id}", headers=JSON, timeout=60).ok
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


def said(ingest: Ingest, sentence: str) -> bool:
    """Whether /readyz and the list of files say this."""
    ready = requests.get(f"{ingest.url}/readyz", timeout=60)
    files = requests.get(f"{ingest.url}/api/files", timeout=60).json()["files"]
    reasons = [file["reason"] or "" for file in files if file["state"] == "ingesting"]
    return ready.status_code == 503 and sentence in ready.text and sentence in "".join(reasons)


TO_THE_TOPICS = "let its user describe, read and write the topics"
TO_TRANSACTIONS = "let its user describe and write transactional ids"


@pytest.mark.parametrize("forbidden", ["frames", "index", "streams", "one transactional id"])
def test_what_ingest_may_not_do_is_said_and_holds_no_other_file(
    secured: SecuredCluster,
    topics: Topics,
    ingest: Ingest,
    tmp_path: Path,
    forbidden: str,
) -> None:
    """One worker: a file of which the transactional id is let through goes on beside the other."""
    film, other = (
        make_film(tmp_path / name, Recipe(frames=20, first=first))
        for first, name in ((0, "film.mp4"), (1000, "other.mp4"))
    )
    of_a_file = forbidden == "one transactional id"
    if of_a_file:
        name = f"{topics.frames}.{content_id(fingerprint(film.path))}"
        sentence, kind = TO_TRANSACTIONS, ResourceType.TRANSACTIONAL_ID
    else:
        name, sentence, kind = getattr(topics, forbidden), TO_THE_TOPICS, ResourceType.TOPIC
    ingest.start(FRAMELOG_INGEST_WORKERS="1")
    with rules(secured, rule(kind, name, AclOperation.WRITE)) as take_back:
        ingest.drop(film.path)
        wait_for(lambda: said(ingest, sentence), 90, alive=ingest.process, what=sentence)
        ingest.drop(other.path)
        if of_a_file:
            ingest.wait_for_file("done/other.mp4", "failed/other.mp4")
        take_back()
        for dropped in (film, other):
            ingest.wait_for_file(f"done/{dropped.name}", f"failed/{dropped.name}")
    check_exactly_once(secured.open, topics, film, other)
    check_folders(ingest, film, other)
    assert ingest.is_ready()


def test_limits_that_ingest_may_not_ask_for_are_learned(
    secured: SecuredCluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    film = make_film(tmp_path / "film.mp4", Recipe(frames=20))
    allowed = [
        rule(ResourceType.TOPIC, topic, operation, AclPermissionType.ALLOW)
        for topic in (topics.frames, topics.index, topics.streams)
        for operation in (AclOperation.DESCRIBE, AclOperation.READ, AclOperation.WRITE)
    ]
    set_limit(secured.open, topics.frames, 5_000)
    ingest.start()
    with rules(secured, *allowed):
        ingest.drop(film.path)
        ingest.wait_for_file("done/film.mp4", "failed/film.mp4")
        check_exactly_once(secured.open, topics, film)
        assert verify(topics.environment, "all")[0] == 0
    frames = LogReader(secured.open).read(topics.frames)
    assert max(len(frame.value["image"]) for frame in frames) < 5_000


def test_the_setup_says_so_too(topics: Topics) -> None:
    wrong = {"FRAMELOG_SCHEMA_REGISTRY_USER_INFO": f"framelog:{GUESS}"}
    settings = framelog_setup.from_environment({**topics.environment, **wrong})
    assert GUESS not in repr(settings)
    with pytest.raises(framelog_setup.SetupError, match="refuses the login"):
        framelog_setup.set_up(settings)
