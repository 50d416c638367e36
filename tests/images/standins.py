"""Images for an engine that reaches no registry, so that compose.yaml runs there unchanged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framelog_local import artifacts
from framelog_local.venvs import java_of

from tests.support.cluster import CACHE

if TYPE_CHECKING:
    from tests.images.engine import Engine

ROOT = Path(__file__).parents[2]
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
FOLDER = Path(__file__).with_name("standins")


def provide_images(engine: Engine, context: Path) -> set[str]:
    """Have the images that compose.yaml takes from elsewhere, pulled or made; return what lacks.

    The stand-ins are made of what is put into the folder `context`.
    """
    missing = {image for image in _foreign_images(engine) if not engine.has(image)}
    for base in [image for image in missing if image.startswith("python:")]:
        _import_python(engine, base)
        missing.remove(base)
    builder = engine.with_variables(STANDINS_CONTEXT=str(context))
    services = _services(builder, FOLDER / "compose.yaml")
    made = {name: service["image"] for name, service in services.items()}
    wanted = [name for name, image in made.items() if image in missing]
    if wanted:
        _fill(context)
        builder.ask("compose", *_files(FOLDER / "compose.yaml"), "build", *wanted)
    return missing - {made[name] for name in wanted}


def _foreign_images(engine: Engine) -> set[str]:
    images: set[str] = set()
    for service in _services(engine, ROOT / "compose.yaml", "--profile", "*").values():
        images |= set(
            service["build"]["args"].values() if "build" in service else [service["image"]]
        )
    return images


def _import_python(engine: Engine, name: str) -> None:
    """Make the Debian that the tag ends with, with its Python where the official image has it."""
    make = [
        *("mmdebstrap", "--quiet", "--variant=minbase"),
        "--include=ca-certificates,python3,python3-pip,python3-venv",
        *(f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale")),
        '--customize-hook=ln -s python3 "$1/usr/bin/python"',
        '--customize-hook=rm "$1"/usr/lib/python3*/EXTERNALLY-MANAGED',
    ]
    if certificates := os.environ.get("SSL_CERT_FILE"):
        # A proxy's, perhaps: downloads need them in a build as much as here.
        make += [f"--customize-hook=upload {certificates} {CERTIFICATES}"]
    command = [*make, name.rpartition("-")[2], "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as debian:
        change = f"ENV REQUESTS_CA_BUNDLE={CERTIFICATES}"
        engine.ask("import", "--change", change, "-", name, stdin=debian.stdout)
    assert debian.returncode == 0, "mmdebstrap failed: it said why above"


def _fill(context: Path) -> None:
    programs = artifacts.ensure(CACHE, Path(sys.executable))
    shutil.copytree(FOLDER, context, dirs_exist_ok=True)
    shutil.copytree(java_of(Path(sys.prefix)).parents[1], context / "java")
    shutil.copytree(programs.registry, context / "registry")
    (context / "kafka").mkdir()
    for jar in programs.kafka_jars:
        shutil.copy(jar, context / "kafka")
    prometheus = shutil.which("prometheus")
    assert prometheus, "prometheus is missing: 'make test-images' installs it"
    shutil.copy(prometheus, context)


def _files(file: Path) -> tuple[str, ...]:
    return ("--file", str(file), "--env-file", str(ROOT / ".env"))


def _services(engine: Engine, file: Path, *options: str) -> dict[str, Any]:
    answer = engine.ask("compose", *_files(file), *options, "config", "--format", "json")
    services: dict[str, Any] = json.loads(answer)["services"]
    return services
