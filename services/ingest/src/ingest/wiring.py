"""The running service: makes its parts, hands each what it uses, and runs them."""

import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

from framelog_service import logs
from framelog_service.log_repeats import Repeats
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from ingest.api.app import create_app
from ingest.api.command_routes import command_routes
from ingest.api.health import Health
from ingest.api.operator_commands import OperatorCommands
from ingest.api.server import serving
from ingest.api.stream_catalogue import KafkaCatalogue
from ingest.config.settings import Settings
from ingest.inbox.folder_notifications import Watcher
from ingest.inbox.folders import Folders
from ingest.kafka.foreign_records import ForeignRecords
from ingest.kafka.log_schemas import LogSchemas
from ingest.kafka.readiness import Readiness
from ingest.kafka.stream_lookup import StreamLookup
from ingest.supervisor.supervisor import Supervisor
from ingest.supervisor.worker_pool import WorkerPool
from ingest.telemetry.metrics import Metrics
from ingest.telemetry.spans import Traces

# Before the round after one that failed.
_FAILED_SECONDS = 0.5

log = logging.getLogger("ingest")


def serve(settings: Settings) -> int:
    """Run until told to stop; return the exit status."""
    logs.set_up(settings.log_level, settings.log_format, Repeats(time.monotonic))
    try:
        run(settings)
    except OSError as error:
        log.critical("event=stopped reason=%r", str(error))
        return 1
    return 0


def run(settings: Settings) -> None:
    """Ingest until SIGTERM or SIGINT. Raises OSError: the port is taken, the folder unusable."""
    stopping = threading.Event()
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    metrics = Metrics(
        registry,
        version("framelog-ingest"),
        settings.workers + settings.paced_workers,
        settings.restarts,
    )
    readiness = Readiness(settings, lambda: supervisor.unready)
    health = Health(readiness.check, time.monotonic, lambda: (lookup.thread, log_schemas.thread))
    log_schemas = LogSchemas(settings, metrics.schemas_lost.set)
    # First: of a registry that lost what it had, it would only be said that it lacks a subject.
    app = create_app(
        health.alive, lambda: log_schemas.problem or health.ready(), registry, settings.hosts
    )
    folders = Folders(settings.videos, settings.replica, settings.takeover_seconds, time.monotonic)
    pool = WorkerPool(settings)
    traces = Traces(time.time_ns)
    foreign = ForeignRecords(metrics)
    lookup = StreamLookup(settings.kafka.client_options, settings.streams_topic, foreign.is_foreign)
    supervisor = Supervisor(
        settings,
        folders,
        pool,
        traces,
        metrics,
        now=time.monotonic,
        used=time.thread_time,
        hold=lambda: log_schemas.hold,
        lookup=lookup.known,
    )
    control = OperatorCommands(folders, KafkaCatalogue(settings), lambda: supervisor.at_work)
    app.register_blueprint(command_routes(control, settings.token))
    _prepare(folders)
    pool.prepare()
    with (
        _exporting(traces, settings),
        serving(app, settings.host, settings.port, metrics.dropped) as port,
        Watcher(folders.incoming) as watcher,
        lookup,
        health,
        log_schemas,
    ):

        def stop(*_: object) -> None:
            stopping.set()
            watcher.wake()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        log.info("event=listening address=%s", f"http://{settings.host}:{port}")
        log.info("event=watching folder=%r", str(folders.incoming))
        while not stopping.is_set():
            if supervisor.go_round(watcher):
                health.tick()
            else:
                stopping.wait(_FAILED_SECONDS)
        log.info("event=stopping")
        pool.stop()
        folders.release()


def _prepare(folders: Folders) -> None:
    """Make the folders; what lies in the place of one does not end the service. Raises OSError."""
    try:
        folders.prepare()
    except NotADirectoryError as error:
        log.error("event=folder_unusable reason=%r next='try again'", str(error))


@contextmanager
def _exporting(traces: Traces, settings: Settings) -> Iterator[None]:
    """Export traces, where that is asked for."""
    if not settings.traces:
        yield
        return
    from ingest.telemetry.span_export import exporting  # noqa: PLC0415  (large: only where it is asked for)

    with exporting(version("framelog-ingest")) as traces.exporter:
        yield
        traces.end_all()
