"""A viewer of a broker that asks for SASL over TLS, and of a registry behind a login."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import requests

from tests.support.cluster import Topics, unique_topics
from tests.support.log_writer import write_stream
from tests.support.processes import Process, wait_for
from tests.support.secured import PASSWORD, REGISTRY_LOGIN, SecuredCluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def topics(secured: SecuredCluster) -> Iterator[Topics]:
    """Have topics made by the open doors, and the viewer come in by the locked ones."""
    with unique_topics(secured.open) as made:
        yield replace(made, environment={**made.environment, **secured.environment})


def test_frames_come_from_behind_the_locks(
    secured: SecuredCluster, topics: Topics, serve: Callable[..., Process], base: str
) -> None:
    written = write_stream(secured.open, topics, 20)
    viewer = serve()
    answer = requests.get(f"{base}/streams/{written.stream_id}/frames/7", timeout=60)
    assert answer.content == written.images[7]
    place = f"{base}/api/streams/{written.stream_id}/position?viewer=ann"
    # A broker that was just started has yet to make room for its first group.
    wait_for(lambda: requests.put(place, json={"frame": 7}, timeout=60).ok, alive=viewer)
    assert requests.get(place, timeout=60).json()["frame"] == 7
    for secret in (PASSWORD, REGISTRY_LOGIN.partition(":")[2]):
        assert secret not in viewer.log.read_text(encoding="utf-8")
        assert secret not in requests.get(f"{base}/metrics", timeout=60).text


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (
            {"FRAMELOG_KAFKA_SASL_PASSWORD": "no-more-than-a-guess"},
            "Kafka rejects the viewer's login; check FRAMELOG_KAFKA_SASL_USERNAME",
        ),
        (
            {"FRAMELOG_KAFKA_SSL_CA_LOCATION": ""},
            "Kafka can't be reached by TLS; check FRAMELOG_KAFKA_SSL_CA_LOCATION",
        ),
        (
            {"FRAMELOG_SCHEMA_REGISTRY_USER_INFO": "framelog:no-more-than-a-guess"},
            "The schema registry can't be read: it rejects the viewer's login; "
            "check FRAMELOG_SCHEMA_REGISTRY_USER_INFO",
        ),
    ],
)
def test_who_is_not_let_in_says_what_to_check(
    *,
    secured: SecuredCluster,
    topics: Topics,
    serve: Callable[..., Process],
    base: str,
    wrong: dict[str, str],
    sentence: str,
) -> None:
    write_stream(secured.open, topics, 2)
    viewer = serve(until="healthz", **wrong)

    def says_so() -> bool:
        answer = requests.get(f"{base}/readyz", timeout=60)
        assert answer.status_code == 503
        return sentence in answer.text

    wait_for(says_so, alive=viewer, what=sentence)
    assert "no-more-than-a-guess" not in viewer.log.read_text(encoding="utf-8")
