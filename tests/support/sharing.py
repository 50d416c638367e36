"""How processes share the tests: by file, and what there is once in one process."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdist.workermanage import WorkerController

# What takes long comes first, so that no process is left alone with it at the end.
_ORDER = (
    "tests/browser/",
    "tests/monitoring/",
    "tests/faults/",
    "test_secured.py",
    "tests/system/",
    "tests/viewer/",
    "tests/fuzz/",
    "tests/ingest/",
)
# Two browsers that play at once are one too many for a small machine; a secured cluster takes
# long to start.
_TOGETHER = ("tests/browser/", "test_secured.py")


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """Gives out whole files, in the order in which they were collected.

    A file with tests that need only Python and others is given out twice.
    """

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        self._scopes = scopes(collection)
        super().add_node_collection(node, collection)

    def _split_scope(self, nodeid: str) -> str:
        return self._scopes[nodeid]


def scopes(collection: Sequence[str]) -> dict[str, str]:
    """Return with which others each test is given out: its neighbours that belong together."""
    neighbours = groupby(collection, _whole)
    return {test: f"{n} {name}" for n, (name, tests) in enumerate(neighbours) for test in tests}


def rank(nodeid: str) -> int:
    """Return the place of a test in the order. Those of bench/ come last."""
    places = (place for place, part in enumerate(_ORDER) if part in nodeid.partition("::")[0])
    return next(places, len(_ORDER))


def _whole(nodeid: str) -> str:
    path = nodeid.partition("::")[0]
    return next((part for part in _TOGETHER if part in path), path)
