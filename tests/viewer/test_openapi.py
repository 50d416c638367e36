"""The description of the routes is true: schemathesis asks what it allows and what it doesn't."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from viewer.web.routes.pages import openapi_json

from tests.viewer.builders import STREAM_ID, segment, stream
from tests.viewer.world import world

if TYPE_CHECKING:
    from flask import Flask

# Events never end; what they answer at first is proven by hand below.
ENDLESS = re.compile("/events$")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]


def viewer_app() -> Flask:
    # Schemathesis leaves what it has read open.
    made = world(max_streams=1000)
    made.catalogue.put_stream(stream(12))
    for first in (0, 4, 8):
        made.catalogue.put_segments(
            [(segment(first, 4, size_of=lambda n: len(b"picture %d" % n)), 1 << 60)]
        )
    return made.app


def operations() -> list[tuple[str, str]]:
    paths = json.loads(openapi_json())["paths"]
    return [
        (path, method)
        for path in paths
        for method in paths[path]
        if method != "parameters" and not ENDLESS.search(path)
    ]


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), operations())
def test_answers_are_as_described(path: str, method: str, mode: GenerationMode) -> None:
    described = schemathesis.openapi.from_wsgi("/api/openapi.json", viewer_app())
    operation = described[path][method]
    if mode is GenerationMode.NEGATIVE and not (operation.query or operation.body):
        # Nothing is there that could be wrong.
        return

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=25,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def asked(case: Any) -> None:
        # Half of what is asked is of the stream that there is.
        if len(case.path_parameters.get("stream_id", "")) % 2:
            case.path_parameters["stream_id"] = STREAM_ID
        case.call_and_validate(checks=CHECKS)

    asked()


def test_every_route_is_described_and_no_other() -> None:
    app = viewer_app()
    rules = {
        (re.sub(r"<(?:[^:>]*:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.endpoint != "static"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    paths = app.test_client().get("/api/openapi.json").json["paths"]  # type: ignore[index]
    described = {(path, method) for path in paths for method in paths[path]}
    assert {(path, method) for path, method in described if method != "parameters"} == rules


@pytest.mark.parametrize("path", ["/api/events", "/api/rooms/den/events"])
def test_events_answer_as_described(path: str) -> None:
    response = viewer_app().test_client().get(path, buffered=False)
    assert (response.status_code, response.mimetype) == (200, "text/event-stream")
    assert response.headers["Cache-Control"] == "no-store"
    response.close()


def test_the_description_has_no_links_that_lead_nowhere() -> None:
    names = set(re.findall(r'"#/components/(\w+/\w+)"', openapi_json()))
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", viewer_app()).raw_schema
    there = {f"{kind}/{name}" for kind, found in schema["components"].items() for name in found}
    assert names <= there
    assert there - names == {"securitySchemes/bearer", "securitySchemes/basic"}
