"""Faults are caused for real: in processes, on a real broker and registry."""

from tests.system.conftest import ingest

__all__ = ["ingest"]
