"""Each image alone: how large it is, what it runs as, and that it can be made again."""

from __future__ import annotations

import pytest

from tests.images.engine import Engine
from tests.images.stack import Stack

OURS = ("ingest", "viewer", "setup")
SERVICES = ("ingest", "viewer")
LARGEST_BYTES = {"ingest": 450_000_000, "viewer": 250_000_000, "setup": 200_000_000}


@pytest.mark.parametrize("name", OURS)
def test_an_image_is_small(stack: Stack, name: str) -> None:
    assert stack.inspect(f"framelog-{name}:local")["Size"] < LARGEST_BYTES[name]


@pytest.mark.parametrize("name", OURS)
def test_an_image_needs_neither_root_nor_a_shell(stack: Stack, name: str) -> None:
    settings = stack.inspect(f"framelog-{name}:local")["Config"]

    assert settings["User"] == "1000:1000"
    assert settings["Cmd"][:2] == ["python", "-m"]
    assert not settings["Entrypoint"]
    assert settings["StopSignal"] == "SIGTERM"
    assert settings["Labels"]["org.opencontainers.image.title"] == f"framelog-{name}"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_probes_itself_without_other_programs(stack: Stack, name: str) -> None:
    probe = stack.inspect(f"framelog-{name}:local")["Config"]["Healthcheck"]["Test"]

    assert probe[:3] == ["CMD", "python", "-c"]


@pytest.mark.parametrize("name", OURS)
def test_nothing_of_an_image_is_there_to_install_more(
    engine: Engine, stack: Stack, name: str
) -> None:
    """What the base has is the base's; the packages that run are the lock file's alone."""
    listing = (
        "import importlib.metadata as m; print(*{d.name for d in m.distributions(path=['/venv'])})"
    )
    image = f"framelog-{name}:local"
    found = engine.ask("run", "--rm", image, "python", "-c", listing).split()

    assert not {"pip", "setuptools"} & set(found)


def test_the_same_tree_makes_the_same_layers(engine: Engine, stack: Stack) -> None:
    first = stack.inspect("framelog-viewer:local")["RootFS"]["Layers"]
    again = engine.with_variables(COMPOSE_PROJECT_NAME="framelog-again")
    # Nothing of it from the cache, and into an image of the same name: the last step's test.
    again.ask("compose", "build", "--no-cache", "viewer", cwd=stack.root)

    assert stack.inspect("framelog-viewer:local")["RootFS"]["Layers"] == first
