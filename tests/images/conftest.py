"""One engine and one stack for the session: building and starting take minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.images.engine import Engine, running_engine
from tests.images.stack import Stack, copy_tree, readme_command, variables
from tests.images.standins import provide_images

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Give an engine that has, or can pull, the images that compose.yaml takes from elsewhere."""
    with running_engine(tmp_path_factory.mktemp("engine")) as running:
        missing = provide_images(running, tmp_path_factory.mktemp("standins"))
        yield running.with_variables(**variables(missing))


@pytest.fixture(scope="session")
def stack(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give the stack as the README's first command starts it."""
    started = Stack(copy_tree(tmp_path_factory.mktemp("framelog")), engine)
    try:
        started.run(readme_command("builds"))
        yield started
    finally:
        started.run(readme_command("make clean"))
