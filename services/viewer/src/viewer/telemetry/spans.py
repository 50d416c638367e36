"""Spans: the steps of a request and their times. telemetry/span_export exports them."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

Attributes = Mapping[str, str | int]


class Span(Protocol):
    """A step in progress."""

    def set_attributes(self, attributes: Attributes) -> None:
        """Add attributes."""

    def set_error(self, reason: str) -> None:
        """Mark the step as failed."""

    def add_links(self, traceparents: Iterable[str]) -> None:
        """Link it to the spans that these W3C Trace Context headers name."""


class Traces(Protocol):
    """Records spans; each is a child of the span that is open in the same thread."""

    def span(
        self, name: str, attributes: Attributes, caller: Mapping[str, str] | None = None, /
    ) -> AbstractContextManager[Span]:
        """Record the block as a span; `caller`, a request's headers, may name the parent."""


class NoTraces:
    """Records nothing."""

    def span(self, *_: object) -> AbstractContextManager[Span]:
        """See Traces."""
        return nullcontext(_NoSpan())


class _NoSpan:
    def set_attributes(self, attributes: Attributes) -> None:
        """See Span."""

    def set_error(self, reason: str) -> None:
        """See Span."""

    def add_links(self, traceparents: Iterable[str]) -> None:
        """See Span; does not iterate over the headers."""
