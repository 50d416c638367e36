"""Prometheus for the local stack: optional, so no failure here keeps the stack from starting."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from framelog_local.programs import Program, answers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framelog_local.settings import Settings

CONFIGURATION = Path(__file__).parents[3] / "prometheus"
ABSENT = (
    "Prometheus: not here, the stack runs without it. Install the prometheus package, or put "
    "prometheus on PATH, and start again."
)
FETCH_SECONDS = 120
NO_ORIGIN = "^$"


def find(cache: Path) -> Path | None:
    """Return the Prometheus on PATH, or the one unpacked in the cache."""
    if on_path := shutil.which("prometheus"):
        return Path(on_path)
    unpacked = cache / "prometheus" / "usr" / "bin" / "prometheus"
    return unpacked if unpacked.is_file() else None


def fetch(cache: Path) -> Path | None:
    """Unpack Debian's package into the cache, installing nothing; return None where that fails."""
    folder = cache / "prometheus"
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        return None
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for command in (["apt-get", "download", "prometheus"], ["dpkg", "-x"]):
            packages = [] if command[0] == "apt-get" else [*folder.glob("*.deb"), folder]
            subprocess.run(
                [*command, *packages],
                cwd=folder,
                check=True,
                timeout=FETCH_SECONDS,
                stdin=subprocess.DEVNULL,
                capture_output=True,
            )
    except (OSError, subprocess.SubprocessError):
        return None
    return find(cache)


def program(binary: Path, settings: Settings, directory: Path) -> Program:
    """Return Prometheus, scraping the services where this stack has them."""
    address = f"{settings.bind_address}:{settings.prometheus_port}"
    return Program(
        name="prometheus",
        command=(
            str(binary),
            f"--config.file={directory / 'configuration' / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--storage.tsdb.retention.time={settings.variables['FRAMELOG_PROMETHEUS_RETENTION']}",
            f"--web.listen-address={address}",
            # Pages of other origins may not read what it answers.
            f"--web.cors.origin={NO_ORIGIN}",
        ),
        directory=directory,
        priority=30,
        is_ready=lambda: answers(f"http://{settings.host}:{settings.prometheus_port}/-/ready"),
    )


def addresses(settings: Settings) -> dict[str, str]:
    """Return where each job of this stack shows its metrics, as host:port."""
    return {
        "ingest": f"{settings.host}:{settings.ingest_port}",
        "viewer": f"{settings.host}:{settings.viewer_port}",
        "kafka": f"127.0.0.1:{settings.kafka_metrics_port}",
        "registry": f"127.0.0.1:{settings.registry_metrics_port}",
        "prometheus": f"{settings.host}:{settings.prometheus_port}",
    }


def write_configuration(directory: Path, jobs: Mapping[str, str]) -> Path:
    """Write the project's configuration, with each job's own address, and return its main file."""
    configuration = directory / "configuration"
    shutil.rmtree(configuration, ignore_errors=True)
    shutil.copytree(CONFIGURATION, configuration)
    main = configuration / "prometheus.yml"
    shared, _, _ = main.read_text(encoding="utf-8").partition("\nscrape_configs:")
    scrapes = [
        {"job_name": job, "static_configs": [{"targets": [address]}]}
        for job, address in jobs.items()
    ]
    # JSON is YAML too.
    main.write_text(f"{shared}\nscrape_configs: {json.dumps(scrapes)}\n", encoding="utf-8")
    return main
