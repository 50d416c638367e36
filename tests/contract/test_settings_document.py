"""docs/settings.md names every setting, with its default, and no other."""

import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import framelog_service.cluster
import framelog_setup.settings
import ingest.config.settings
import ingest.model.choices
import pytest
import viewer.config.settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"
SERVICES = {
    "ingest": (ingest.config.settings, ingest.config.settings.Settings.from_environ),
    "viewer": (viewer.config.settings, viewer.config.settings.Settings.from_environ),
    "setup": (framelog_setup.settings, framelog_setup.from_environment),
}
# Each reads its own settings and those of Kafka and the registry.
SOURCES = {
    name: inspect.getsource(module) + inspect.getsource(framelog_service.cluster)
    for name, (module, _) in SERVICES.items()
}
KEYS = {
    name: sorted(set(re.findall(r'"(FRAMELOG_[A-Z_]+[A-Z])"', source)))
    for name, source in SOURCES.items()
}
for name, source in SOURCES.items():  # a secret may also lie in a file
    secret = re.findall(r'\bsecret\("(FRAMELOG_[A-Z_]+)"', source)
    KEYS[name] += [f"{key}_FILE" for key in secret]
KEYS["ingest"] += [f"FRAMELOG_INGEST_{name.upper()}" for name in ingest.model.choices.CHOICE_NAMES]


def documented() -> dict[str, str]:
    """Return the default column of each setting's row."""
    rows = re.findall(
        r"^\| `(FRAMELOG_[A-Z_]+)` \| (?:`[a-z_]+` \| )?(`.*?`|[^`]*?) \| .{10,} \|$",
        DOCUMENT.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert len(rows) == len(dict(rows)), "a setting stands there twice"
    return dict(rows)


def test_the_document_holds_every_setting_and_no_other() -> None:
    assert set(documented()) == {key for keys in KEYS.values() for key in keys}


@pytest.mark.parametrize(("service", "key"), [(s, key) for s in KEYS for key in KEYS[s]])
def test_the_default_is_the_one_that_the_service_has(service: str, key: str) -> None:
    default = documented()[key]
    read: Callable[[Mapping[str, str]], Any] = SERVICES[service][1]
    if default.startswith("`"):
        assert read({key: default.strip("`")}) == read({})
    else:
        assert re.search(r"[a-z]", default), "neither a value nor words"
