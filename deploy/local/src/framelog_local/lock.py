"""`python -m framelog_local.lock`: writes every lock file anew. Runs in the tests' venv.

The tests' lock resolves everything together and the others take their versions from it: one version
of each package in the whole project. The Java programs' lock follows the versions in `.env`. The
lock of what checks JavaScript names no registry, so that npm asks the one that it is set up for.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from jgo.maven import MavenContext, PythonResolver

from framelog_local.artifacts import JMX_EXPORTER, LOCK
from framelog_local.node import node_of
from framelog_local.settings import read_settings

if TYPE_CHECKING:
    from jgo.maven import Artifact

PROJECTS = ("services/ingest", "services/viewer", "deploy/setup", "deploy/local")
HEADER = """\
# The Java programs that the local stack runs, written by `make lock`:
# group:name:packaging:classifier:version of a Maven repository, and the file's SHA-256.
"""


def lock_python(root: Path, options: list[str]) -> None:
    """Write tests/requirements.lock and each project's requirements.lock."""
    everything = [f"{project}/pyproject.toml" for project in PROJECTS]
    lock = "tests/requirements.lock"
    compile_lock(root, [*everything, "tests/requirements.in"], lock, options)
    for project in PROJECTS:
        sources = [f"{project}/pyproject.toml"]
        compile_lock(root, sources, f"{project}/requirements.lock", ["--constraints", lock])
    compile_lock(root, ["tests/images/requirements.in"], "tests/images/requirements.lock", options)


def compile_lock(root: Path, sources: list[str], output: str, options: list[str]) -> None:
    """Run uv over the sources and what builds them, for every platform and Python from 3.11 on."""
    command = [
        str(Path(sys.executable).parent / "uv"),
        *("pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
        # One version for every Python: containers and processes must not differ.
        *("--fork-strategy", "fewest"),
        *("--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header"),
        # Of this tree: only what it needs is locked.
        *("--no-emit-package", "framelog-service"),
        *("--output-file", output, *options, *sources, "-"),
    ]
    subprocess.run(command, cwd=root, input=_build_needs(root / sources[0]), text=True, check=True)


def _build_needs(source: Path) -> str:
    """Return what builds a project, one a line; nothing for a plain list of packages."""
    if source.suffix != ".toml":
        return ""
    pyproject = tomllib.loads(source.read_text(encoding="utf-8"))
    return "\n".join(pyproject["build-system"]["requires"])


def lock_node(folder: Path, options: list[str]) -> None:
    """Write the folder's package-lock.json: with the same versions, or the newest by --upgrade."""
    command = "update" if "--upgrade" in options else "install"
    npm = node_of(Path(sys.prefix)).npm(command)
    lock = [*npm, "--package-lock-only", "--omit-lockfile-registry-resolved"]
    subprocess.run(lock, cwd=folder, check=True)


def lock_java(kafka_version: str, jmx_exporter_version: str, registry_version: str) -> None:
    """Write artifacts.lock: Kafka's jars with their needs, the agent, and the registry."""
    with tempfile.TemporaryDirectory() as folder:
        context = MavenContext(
            resolver=PythonResolver(), repo_cache=Path(folder), local_repos=[], timeout=60
        )
        kafka = context.create_dependency(f"org.apache.kafka:kafka_2.13:{kafka_version}")
        inputs, needed = context.resolver.resolve([kafka])
        jars = [jar.artifact for jar in inputs + needed]
        # What Kafka's own distribution adds to have its slf4j lines written by its log4j.
        log4j = next(jar.component for jar in jars if jar.artifactId == "log4j-core")
        binding = context.project(log4j.groupId, "log4j-slf4j-impl").at_version(log4j.version)
        agent = context.project("io.prometheus.jmx", JMX_EXPORTER).at_version(jmx_exporter_version)
        registry = context.project("io.apicurio", "apicurio-registry-app")
        archive = registry.at_version(registry_version).artifact("all", "tar.gz")
        lines = map(lock_line, [*jars, binding.artifact(), agent.artifact(), archive])
        LOCK.write_text(HEADER + "".join(sorted(lines)), encoding="utf-8")


def lock_line(artifact: Artifact) -> str:
    """Return the file's line of artifacts.lock, from its content."""
    with artifact.resolve().open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    name = f"{artifact.groupId}:{artifact.artifactId}"
    return f"{name}:{artifact.packaging}:{artifact.classifier}:{artifact.version} {sha256}\n"


def main() -> None:
    """Lock all kinds; arguments, such as --upgrade, go to uv."""
    root = Path.cwd()
    settings = read_settings(root, os.environ)
    lock_python(root, sys.argv[1:])
    lock_node(root / "services" / "viewer", sys.argv[1:])
    lock_java(settings.kafka_version, settings.jmx_exporter_version, settings.registry_version)


if __name__ == "__main__":
    main()
