"""Spans: what is done for a request, and when. Exporting them is otlp's part."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

Attributes = Mapping[str, str | int]


class Span(Protocol):
    """Something that is being done."""

    def set_attributes(self, attributes: Attributes) -> None:
        """Add what has become known."""

    def set_error(self, reason: str) -> None:
        """Say that it went wrong."""

    def add_links(self, traceparents: Iterable[str]) -> None:
        """Link it to the spans that these headers of W3C's Trace Context name."""


class Traces(Protocol):
    """Notes spans, each within the one that is open in its thread."""

    def span(
        self, name: str, attributes: Attributes, caller: Mapping[str, str] | None = None, /
    ) -> AbstractContextManager[Span]:
        """Note the block as a span; one for a request is within what its headers name."""


class NoTraces:
    """Notes nothing, and asks for nothing that is only to be noted."""

    def span(self, *_: object) -> AbstractContextManager[Span]:
        """See Traces."""
        return nullcontext(_NoSpan())


class _NoSpan:
    def set_attributes(self, attributes: Attributes) -> None:
        """See Span."""

    def set_error(self, reason: str) -> None:
        """See Span."""

    def add_links(self, traceparents: Iterable[str]) -> None:
        """See Span; what would give the headers is not run."""
