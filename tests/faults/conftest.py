"""Faults are caused for real: in processes, on a real broker and registry."""

import pytest

from tests.system.conftest import ingest

pytest.register_assert_rewrite("tests.faults.checks")

__all__ = ["ingest"]
