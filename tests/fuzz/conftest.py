"""Hostile files go through the service as a process, on a real broker and registry."""

from tests.system.conftest import ingest

__all__ = ["ingest"]
