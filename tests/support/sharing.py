"""How processes share the tests: by file, and what there is once in one process."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

# What takes long comes first, so that no process is left alone with it at the end.
_ORDER = ("browser", "monitoring", "faults", "system", "viewer", "fuzz", "ingest")
# Two browsers that play at once are one too many for a small machine; a secured cluster takes
# long to start.
_TOGETHER = ("tests/browser/", "test_secured.py")


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """Gives out whole files, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return next((part for part in _TOGETHER if part in path), path)


def rank(path: str) -> int:
    """Return the place of a test's file in the order, by its folder. Those of bench/ come last."""
    folder = path.removeprefix("tests/").partition("/")[0]
    return _ORDER.index(folder) if folder in _ORDER else len(_ORDER)
