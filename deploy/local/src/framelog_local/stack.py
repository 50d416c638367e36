"""The whole stack as plain processes: up, down and status."""

from __future__ import annotations

import os
import secrets
import subprocess
from functools import partial
from typing import TYPE_CHECKING

from framelog_local import grafana, ports, programs, prometheus, restoring
from framelog_local.console import say
from framelog_local.errors import LocalError, no_such_part
from framelog_local.preparation import locate, prepare
from framelog_local.supervision import Supervisor

if TYPE_CHECKING:
    from framelog_local.preparation import Parts
    from framelog_local.programs import KafkaNode, Program
    from framelog_local.settings import Settings


def up(settings: Settings) -> None:
    """Bring every part up and wait until all are ready; safe to run on a stack that is up.

    Raises LocalError when that can't be; then nothing that this call started is left running.
    """
    supervisor = Supervisor(settings.state)
    if supervisor.running:
        say("The stack is up already; its ports and versions change with 'make down' first.")
        _bring_up(settings, locate(settings), supervisor)
        return
    _check_ports(settings)
    parts = prepare(settings)
    _start(settings, parts, supervisor)
    try:
        _bring_up(settings, parts, supervisor)
    except BaseException:
        say("Stopping what has been started.")
        supervisor.stop()
        raise


def is_up(settings: Settings) -> bool:
    """Whether the stack runs as processes here."""
    return Supervisor(settings.state).running


def restart(settings: Settings, name: str) -> None:
    """Stop a part, start it as it is on disk now, and wait until it is ready.

    Raises LocalError: the stack has no such part, or the part does not start.
    """
    supervisor = Supervisor(settings.state)
    running = {program.name: program for program in _programs(settings, locate(settings))}
    supervised = supervisor.states()
    if name not in running or name not in supervised:
        raise LocalError(no_such_part(name, supervised))
    supervisor.halt(name)
    supervisor.bring_up([running[name]])


def reload_templates(settings: Settings) -> None:
    """Have the viewer make a new worker, which reads the templates anew. Raises LocalError."""
    Supervisor(settings.state).hang_up("viewer")


def verify(settings: Settings, stream: str, file: str | None) -> int:
    """Run ingest's `verify` on the stack's log, its output shown; return its exit code."""
    python = locate(settings).ingest.python
    options = ["--file", file] if file else []
    return subprocess.run(
        [python, "-m", "ingest", "verify", stream, *options],
        cwd=settings.root,
        env=_environment(settings),
        check=False,
    ).returncode


def down(settings: Settings) -> bool:
    """Stop every part; return False where none was running."""
    supervisor = Supervisor(settings.state)
    if not supervisor.running:
        return False
    say("Stopping ingest, viewer and the rest, Kafka last.")
    supervisor.stop()
    return True


def restore_schemas(settings: Settings) -> None:
    """Put the log's schemas back into the registry, under their ids; then bring every part up.

    Where another has one of the ids the registry begins anew, from an archive of what it had; its
    old data is kept beside. Raises LocalError.
    """
    supervisor = Supervisor(settings.state)
    parts = locate(settings)
    if not supervisor.running:
        _check_ports(settings)
        parts = prepare(settings)
        _start(settings, parts, supervisor)
    try:
        kafka, registry = _programs(settings, parts)[:2]
        supervisor.bring_up([kafka, registry])
        archives = settings.state / "data" / "registry-archives"

        def begin_anew() -> None:
            supervisor.halt(registry.name)
            restoring.set_aside(registry.directory, archives)
            supervisor.bring_up([registry])

        run = partial(_run_setup, settings, parts)
        restoring.restore_schemas(run, begin_anew, archives)
        _bring_up(settings, parts, supervisor)
    except LocalError:
        say("What runs is left running, for the command to be tried again; 'make down' stops it.")
        raise


def status(settings: Settings) -> list[str] | None:
    """Return a line on each part, None where none is running."""
    supervisor = Supervisor(settings.state)
    if not supervisor.running:
        return None
    states = supervisor.states()
    lines = []
    for program in _programs(settings, locate(settings)):
        if state := states.get(program.name):
            readiness = "ready" if state.running and program.is_ready() else "not ready"
            lines.append(
                f"{program.name:<11} {state.state:<9} {readiness:<10} pid={state.pid:<8} "
                f"restarts={state.restarts:<4} "
                f"log={supervisor.log(program.name)}"
            )
    return lines


def _check_ports(settings: Settings) -> None:
    for variable, address, port in (
        ("FRAMELOG_KAFKA_PORT", settings.bind_address, settings.kafka_port),
        ("FRAMELOG_KAFKA_CONTROLLER_PORT", "127.0.0.1", settings.kafka_controller_port),
        ("FRAMELOG_KAFKA_METRICS_PORT", "127.0.0.1", settings.kafka_metrics_port),
        ("FRAMELOG_REGISTRY_PORT", settings.bind_address, settings.registry_port),
        ("FRAMELOG_REGISTRY_METRICS_PORT", "127.0.0.1", settings.registry_metrics_port),
        ("FRAMELOG_INGEST_PORT", settings.bind_address, settings.ingest_port),
        ("FRAMELOG_VIEWER_PORT", settings.bind_address, settings.viewer_port),
        ("FRAMELOG_PROMETHEUS_PORT", settings.bind_address, settings.prometheus_port),
        ("FRAMELOG_GRAFANA_PORT", settings.bind_address, settings.grafana_port),
    ):
        ports.check_free(address, port, variable)


def _start(settings: Settings, parts: Parts, supervisor: Supervisor) -> None:
    (settings.videos / "incoming").mkdir(parents=True, exist_ok=True)
    node = _kafka(settings, parts)
    node.write_properties()
    if not node.formatted:
        say("kafka: making its log folder")
        subprocess.run(
            node.format_command(settings.kafka_cluster_id), check=True, capture_output=True
        )
    if parts.prometheus:
        directory = settings.state / "data" / "prometheus"
        prometheus.write_configuration(directory, prometheus.addresses(settings))
    if parts.grafana:
        (settings.state / "data" / "grafana").mkdir(parents=True, exist_ok=True)
        grafana.write_configuration(settings.state / "data" / "grafana", settings)
    supervisor.start(parts.stack.python, _programs(settings, parts), _environment(settings))


def _bring_up(settings: Settings, parts: Parts, supervisor: Supervisor) -> None:
    supervised = supervisor.states()
    all_programs = {p.name: p for p in _programs(settings, parts) if p.name in supervised}
    services = [all_programs.pop(name) for name in ("viewer", "ingest")]
    supervisor.bring_up(list(all_programs.values()))
    setup = _run_setup(settings, parts)
    if setup.returncode != 0:
        raise LocalError(setup.stderr.decode(errors="replace").strip())
    for line in setup.stdout.decode(errors="replace").splitlines():
        say(f"setup: {line}")
    supervisor.bring_up(services)


def _run_setup(
    settings: Settings, parts: Parts, *command: str, given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [parts.stack.python, "-m", "framelog_setup", *command],
        check=False,
        cwd=settings.root,
        env=_environment(settings),
        input=given,
        capture_output=True,
    )


def _kafka(settings: Settings, parts: Parts) -> KafkaNode:
    return programs.KafkaNode(
        java=parts.java,
        jars=parts.java_programs.kafka_jars,
        jmx_exporter=parts.java_programs.jmx_exporter,
        directory=settings.state / "data" / "kafka",
        host=settings.host,
        port=settings.kafka_port,
        controller_port=settings.kafka_controller_port,
        metrics_port=settings.kafka_metrics_port,
        bind_address=settings.bind_address,
        advertised_host=settings.kafka_advertised_host,
    )


def _programs(settings: Settings, parts: Parts) -> list[Program]:
    data = settings.state / "data"
    chosen = [
        _kafka(settings, parts).program,
        programs.registry(
            java=parts.java,
            application=parts.java_programs.registry,
            directory=data / "registry",
            host=settings.host,
            port=settings.registry_port,
            metrics_port=settings.registry_metrics_port,
            bind_address=settings.bind_address,
        ),
    ]
    if parts.prometheus:
        chosen.append(prometheus.program(parts.prometheus, settings, data / "prometheus"))
    if parts.grafana:
        chosen.append(grafana.program(parts.grafana, settings, data / "grafana"))
    for name, venv, port, priority in (
        ("viewer", parts.viewer, settings.viewer_port, 40),
        ("ingest", parts.ingest, settings.ingest_port, 50),
    ):
        chosen.append(
            programs.service(
                name=name,
                python=venv.python,
                directory=settings.root,
                host=settings.host,
                port=port,
                priority=priority,
            )
        )
    return chosen


def _environment(settings: Settings) -> dict[str, str]:
    """Return what the services and the setup find set: the stack's addresses over all else."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return {
        **inherited,
        **settings.variables,
        "PYTHONUNBUFFERED": "1",
        "FRAMELOG_KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "FRAMELOG_SCHEMA_REGISTRY_URL": settings.registry_url,
        "FRAMELOG_VIDEOS": str(settings.videos),
        "FRAMELOG_INGEST_HOST": settings.bind_address,
        **_ingest_token(settings),
        "FRAMELOG_VIEWER_HOST": settings.bind_address,
        "FRAMELOG_VIEWER_INGEST_URLS": f"http://{settings.host}:{settings.ingest_port}",
        "FRAMELOG_VIEWER_KAFKA_METRICS_URLS": (
            f"http://127.0.0.1:{settings.kafka_metrics_port}/metrics"
        ),
    }


def _ingest_token(settings: Settings) -> dict[str, str]:
    """Return the file of the token by which ingest is steered, where others can reach ingest."""
    file = settings.state / "ingest-token"
    given = ("FRAMELOG_INGEST_TOKEN", "FRAMELOG_INGEST_TOKEN_FILE")
    if settings.is_loopback or any(settings.variables.get(name) for name in given):
        return {}
    if not file.is_file():
        settings.state.mkdir(exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(32), encoding="ascii")
    return {"FRAMELOG_INGEST_TOKEN_FILE": str(file)}
