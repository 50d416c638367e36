"""The command that puts the log's schemas back: in place where it can be, else anew."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from framelog_local.errors import LocalError
from framelog_local.restoring import NOT_EMPTY, restore_schemas, set_aside

if TYPE_CHECKING:
    from pathlib import Path


class FakeSetup:
    """The setup step as the commands see it: what each of its commands ends with."""

    def __init__(self, **ends: tuple[int, bytes, bytes]) -> None:
        self._ends = ends
        self.asked: list[tuple[str, bytes]] = []

    def __call__(self, *command: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        self.asked.append((" ".join(command), given))
        code, output, errors = self._ends[command[-1].strip("-")]
        return subprocess.CompletedProcess(command, code, output, errors)


def refuse() -> None:
    raise AssertionError("the registry was emptied")


def test_what_is_lost_is_put_back_in_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setup = FakeSetup(restore=(0, b"subject a: version 1 is back, id=1\n", b""))

    restore_schemas(setup, refuse, tmp_path / "archives")

    assert capsys.readouterr().out == "registry: subject a: version 1 is back, id=1\n"
    assert not (tmp_path / "archives").exists()


def test_where_another_has_the_ids_the_registry_begins_anew_with_both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setup = FakeSetup(
        restore=(NOT_EMPTY, b"", b"id 1 is Odd now\n"),
        archive=(0, b"PK", b"Odd: had id 1, has id 4 now\n"),
        emptied=(0, b"subject a: version 1 is back, id=1\n", b""),
    )
    emptied: list[bool] = []

    restore_schemas(setup, lambda: emptied.append(True), tmp_path / "archives")

    assert emptied == [True]
    assert setup.asked == [("restore", b""), ("archive", b""), ("restore --emptied", b"PK")]
    [kept] = (tmp_path / "archives").iterdir()
    assert kept.read_bytes() == b"PK"
    said = capsys.readouterr().out
    assert "registry: Odd: had id 1, has id 4 now\n" in said
    assert said.endswith("registry: subject a: version 1 is back, id=1\n")


@pytest.mark.parametrize("failing", ["restore", "archive"])
def test_nothing_is_emptied_before_all_of_it_is_kept(tmp_path: Path, failing: str) -> None:
    ends = {"restore": (NOT_EMPTY, b"", b"id 1 is Odd now"), "archive": (0, b"PK", b"")}
    setup = FakeSetup(**(ends | {failing: (1, b"", b"No Kafka broker answered.")}))

    with pytest.raises(LocalError, match="No Kafka broker answered"):
        restore_schemas(setup, refuse, tmp_path / "archives")


def test_old_data_is_kept_and_never_overwritten(tmp_path: Path) -> None:
    data, aside = tmp_path / "registry", tmp_path / "archives"
    for content in ("first", "second"):
        data.mkdir(exist_ok=True)
        (data / "registry.mv.db").write_text(content, "utf-8")
        set_aside(data, aside)
        assert list(data.iterdir()) == []

    kept = {path.read_text("utf-8") for path in aside.rglob("*.db")}
    assert kept == {"first", "second"}
