"""The token by which ingest is steered, where others can reach ingest."""

from __future__ import annotations

from pathlib import Path

import pytest
from framelog_local.settings import Settings, read_settings
from framelog_local.stack import _ingest_token
from framelog_setup.ingest_token import write

ROOT = Path(__file__).parents[2]


def test_a_token_is_made_once_and_one_that_is_given_wins(tmp_path: Path) -> None:
    file = tmp_path / "token"
    write(file, {"FRAMELOG_INGEST_TOKEN": ""})
    made = file.read_text(encoding="utf-8")
    assert len(made) >= 32
    write(file, {})
    assert file.read_text(encoding="utf-8") == made
    write(file, {"FRAMELOG_INGEST_TOKEN": "a token of my own"})
    assert file.read_text(encoding="utf-8") == "a token of my own"
    write(file, {"FRAMELOG_INGEST_TOKEN": ""})
    assert file.read_text(encoding="utf-8") == "a token of my own"
    assert file.stat().st_mode & 0o777 == 0o644  # the services run as other users


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost"])
def test_a_stack_on_loopback_has_none(tmp_path: Path, address: str) -> None:
    settings = settings_in(tmp_path, FRAMELOG_BIND_ADDRESS=address)
    assert _ingest_token(settings) == {}


def test_a_stack_that_others_reach_has_one_of_its_own(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, FRAMELOG_BIND_ADDRESS="0.0.0.0")  # noqa: S104
    first = _ingest_token(settings)
    file = Path(first["FRAMELOG_INGEST_TOKEN_FILE"])
    token = file.read_text(encoding="ascii")
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(token) >= 32
    assert _ingest_token(settings) == first
    assert file.read_text(encoding="ascii") == token


def test_a_token_that_is_given_is_taken(tmp_path: Path) -> None:
    settings = settings_in(
        tmp_path,
        FRAMELOG_BIND_ADDRESS="0.0.0.0",  # noqa: S104
        FRAMELOG_INGEST_TOKEN="a token of my own",  # noqa: S106
    )
    assert _ingest_token(settings) == {}


def settings_in(folder: Path, **environ: str) -> Settings:
    (folder / ".env").write_text((ROOT / ".env").read_text(encoding="utf-8"), encoding="utf-8")
    return read_settings(folder, environ)
