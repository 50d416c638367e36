"""Spans of what is done for a file."""

from collections.abc import Sequence
from itertools import count

import pytest
from ingest.telemetry.spans import Span, SpanContext, Trace, Traces

FILE = SpanContext(0xABC, 0xDEF, sampled=True)


class Exporter:
    """Keeps what it is given."""

    def __init__(self, *, wanted: bool = True) -> None:
        self.wanted = wanted
        self.spans: list[Span] = []

    def samples(self, trace_id: int) -> bool:
        return self.wanted and trace_id > 0

    def export(self, spans: Sequence[Span]) -> None:
        self.spans += spans


@pytest.fixture
def trace() -> Trace:
    return Trace(FILE, count(1).__next__)


@pytest.fixture
def traces() -> Traces:
    made = Traces(count(1).__next__)
    made.exporter = Exporter()
    return made


def test_the_header_is_w3cs() -> None:
    """The example of https://www.w3.org/TR/trace-context/#examples-of-http-traceparent-headers."""
    ids = 0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7
    sampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert SpanContext(*ids, sampled=True).traceparent == sampled
    assert SpanContext(*ids, sampled=False).traceparent == f"{sampled[:-1]}0"


def test_spans_lie_in_each_other(trace: Trace) -> None:
    with trace.span("batch", {"frames": 3}):
        batch = trace.current
        with trace.span("flush"):
            pass
        with trace.span("commit"):
            pass
    assert trace.current == FILE
    flush, commit, outer = trace.take()
    assert (flush.name, commit.name, outer.name) == ("flush", "commit", "batch")
    assert (flush.parent, commit.parent, outer.parent) == (batch, batch, FILE)
    assert (outer.start_ns, flush.start_ns, flush.end_ns, outer.end_ns) == (1, 2, 3, 6)
    assert len({span.context.span_id for span in (flush, commit, outer)}) == 3
    assert (outer.attributes, outer.error) == ({"frames": 3}, None)
    assert trace.take() == []


def test_what_went_wrong_is_noted_and_goes_on_up(trace: Trace) -> None:
    with pytest.raises(LookupError), trace.span("open"):
        raise LookupError("It is not there.")
    (span,) = trace.take()
    assert span.error == "It is not there."
    assert trace.current == FILE


def test_what_is_not_sampled_has_a_name_and_no_span() -> None:
    trace = Trace(SpanContext(1, 2, sampled=False), count().__next__)
    with trace.span("batch"):
        assert trace.current is not None
        assert trace.current.traceparent.endswith("-00")
    assert trace.take() == []


def test_without_a_trace_nothing_is_noted() -> None:
    trace = Trace(None, count().__next__)
    with trace.span("batch"):
        assert trace.current is None
    assert trace.take() == []


def test_a_files_span_ends_once(traces: Traces) -> None:
    first, second = traces.begin(), traces.begin()
    assert first is not None
    traces.end(first, {"result": "complete"})
    traces.end(first, {"result": "let go"})
    traces.end_all()
    assert isinstance(traces.exporter, Exporter)
    ended = {span.context: span.attributes["result"] for span in traces.exporter.spans}
    assert ended == {first: "complete", second: "stopped"}
    assert [span.parent for span in traces.exporter.spans] == [None, None]


def test_an_unwanted_trace_is_not_exported(traces: Traces) -> None:
    traces.exporter = Exporter(wanted=False)
    traces.end(traces.begin(), {})
    assert traces.exporter.spans == []


def test_without_an_exporter_there_is_no_trace() -> None:
    traces = Traces(count().__next__)
    assert traces.begin() is None
    traces.end(None, {})
    traces.add([])
