"""Renaming where the kernel or the file system lacks what makes it simple."""

import ctypes
import errno
import os
import threading
from pathlib import Path

import pytest
from ingest.inbox.renaming import rename_no_replace

from tests.ingest.replicas import contents

NOT_HAD = [errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EOPNOTSUPP]


class Kernel:
    """A C library whose renameat2 can't be had."""

    def __init__(self, number: int) -> None:
        self._number = number

    def renameat2(self, *_: object) -> int:
        ctypes.set_errno(self._number)
        return -1


def without_links(*_: object, **__: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")


@pytest.fixture(params=["links", "no links"])
def bare(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rename on a system without renameat2, and perhaps without links."""
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Kernel(errno.ENOSYS))
    if request.param == "no links":
        monkeypatch.setattr(os, "link", without_links)


@pytest.mark.parametrize("number", NOT_HAD)
def test_a_file_is_renamed_where_the_kernel_has_no_such_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Kernel(number))
    (tmp_path / "a").write_text("a", encoding="utf-8")
    rename_no_replace(tmp_path / "a", tmp_path / "b")
    assert contents(tmp_path) == {"b": "a"}


@pytest.mark.usefixtures("bare")
def test_nothing_is_overwritten_there_either(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a", encoding="utf-8")
    (tmp_path / "b").write_text("b", encoding="utf-8")
    with pytest.raises(FileExistsError):
        rename_no_replace(tmp_path / "a", tmp_path / "b")
    assert contents(tmp_path) == {"a": "a", "b": "b"}
    rename_no_replace(tmp_path / "a", tmp_path / "c")
    assert contents(tmp_path) == {"c": "a", "b": "b"}
    (tmp_path / "folder").mkdir()
    (tmp_path / "taken").mkdir()
    with pytest.raises(FileExistsError):
        rename_no_replace(tmp_path / "folder", tmp_path / "taken")
    with pytest.raises(FileNotFoundError):
        rename_no_replace(tmp_path / "gone", tmp_path / "free")
    assert not (tmp_path / "free").exists()


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_of_many_that_rename_one_source_there_one_has_it(tmp_path: Path, kind: str) -> None:
    takers = 4
    for number in range(50):
        source = tmp_path / "source"
        if kind == "file":
            source.write_text("a", encoding="utf-8")
        else:
            source.mkdir()
            (source / "within").touch()
        start = threading.Barrier(takers)
        results: list[bool] = []

        def take(
            taker: int,
            number: int = number,
            start: threading.Barrier = start,
            results: list[bool] = results,
        ) -> None:
            start.wait(60)
            try:
                rename_no_replace(tmp_path / "source", tmp_path / f"{number}-{taker}")
            except FileNotFoundError:
                results.append(False)
            else:
                results.append(True)

        threads = [threading.Thread(target=take, args=(taker,)) for taker in range(takers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(results) == [False] * (takers - 1) + [True]
        assert len(list(tmp_path.glob(f"{number}-*"))) == 1
