"""The services share the schemas and one library, and do nothing when they are imported."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("ingest", "viewer")
LIBRARY = "framelog_service"
SOURCES = {
    LIBRARY: ROOT / "libs/framelog-service/src",
    **{name: ROOT / "services" / name / "src" for name in NAMES},
}

# Runs in a process of its own: imports each module named on the command line while whatever
# opens a connection, starts a thread or a process raises.
GUARDED_IMPORTS = """
import importlib, multiprocessing.process, socket, subprocess, sys, threading
import confluent_kafka, confluent_kafka.admin, confluent_kafka.schema_registry as registry

def refuse(what):
    def refused(*_, **__):
        raise RuntimeError(f"{what} at import")
    return refused

for name in ("Producer", "Consumer"):
    setattr(confluent_kafka, name, refuse(name))
confluent_kafka.admin.AdminClient = refuse("AdminClient")
registry.SchemaRegistryClient = refuse("SchemaRegistryClient")
for name in ("connect", "connect_ex", "bind", "listen"):
    setattr(socket.socket, name, refuse(f"socket.{name}"))
threading.Thread.start = refuse("a thread")
subprocess.Popen.__init__ = refuse("a process")
multiprocessing.process.BaseProcess.start = refuse("a process")
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def sources(package: str) -> list[Path]:
    found = sorted(SOURCES[package].rglob("*.py"))
    assert len(found) > 2
    return found


def imports(source: str) -> Iterator[str]:
    """Yield the top-level package of every import, also of those by importlib's functions."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names):
                yield from (alias.name.split(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.split(".")[0]
            case ast.Call(
                func=ast.Attribute(attr="import_module" | "__import__")
                | ast.Name(id="import_module" | "__import__"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name.split(".")[0]


def imported_by(package: str) -> set[str]:
    return {name for path in sources(package) for name in imports(path.read_text("utf-8"))}


def unprovided(package: str, packages: set[str]) -> set[str]:
    """Return what it imports beside itself and Python that none of these distributions has."""
    providers = packages_distributions()
    return {
        name
        for name in imported_by(package) - set(sys.stdlib_module_names) - {package}
        if not packages & {normal(provider) for provider in providers[name]}
    }


def normal(distribution: str) -> str:
    return distribution.lower().replace("_", "-")


def guarded(*modules: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", GUARDED_IMPORTS, *modules],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_way_to_import_is_seen() -> None:
    source = "import a.b\ndef f():\n from c.d import e\n import_module('g.h')\n __import__('i')"
    assert set(imports(source)) == {"a", "c", "g", "i"}


@pytest.mark.parametrize(("service", "other"), [NAMES, NAMES[::-1]])
def test_neither_service_imports_the_other(service: str, other: str) -> None:
    assert service in imported_by(service)
    assert other not in imported_by(service)


@pytest.mark.parametrize("service", NAMES)
def test_a_service_imports_only_itself_the_library_and_what_its_lock_file_holds(
    service: str,
) -> None:
    lock = (ROOT / "services" / service / "requirements.lock").read_text("utf-8")
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    assert "confluent-kafka" in locked
    assert LIBRARY in imported_by(service)
    assert not unprovided(service, locked | {normal(LIBRARY)})


def test_the_library_imports_only_itself_and_what_it_declares() -> None:
    project = (ROOT / "libs/framelog-service/pyproject.toml").read_text("utf-8")
    library = tomllib.loads(project)["project"]
    optional = library["optional-dependencies"].values()
    declared = [*library["dependencies"], *(need for needs in optional for need in needs)]
    assert not unprovided(LIBRARY, {re.split(r"[^\w.-]", need)[0] for need in declared})


@pytest.mark.parametrize("package", SOURCES)
def test_importing_a_module_opens_and_starts_nothing(package: str) -> None:
    root = SOURCES[package]
    modules = [
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for path in sources(package)
    ]
    done = guarded(*modules)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "from confluent_kafka import Producer; Producer({})",
        "from confluent_kafka.admin import AdminClient; AdminClient({})",
        "import socket; socket.create_connection(('127.0.0.1', 9), 1)",
        "import threading; threading.Thread(target=print).start()",
        "import subprocess; subprocess.run(['true'])",
    ],
)
def test_a_module_that_does_is_caught(tmp_path: Path, line: str) -> None:
    (tmp_path / "eager.py").write_text(line, encoding="utf-8")
    done = guarded("eager", cwd=tmp_path)
    assert done.returncode == 1
    assert "at import" in done.stderr
