"""A worker's process: from its start to its final report."""

import logging
import resource
import signal
import time
from multiprocessing.connection import Connection
from typing import NoReturn

from confluent_kafka import KafkaException
from framelog_service import logs
from framelog_service.log_repeats import Repeats

from ingest.config.settings import Settings
from ingest.model.errors import Blocked, Fenced, StartOver, Unfinished, Unreadable
from ingest.telemetry.worker_probe import Probe, Progress
from ingest.worker.file_worker import Worker
from ingest.worker.messages import (
    ClusterRefused,
    FileIncomplete,
    Job,
    MustStartOver,
    NotAVideo,
    Report,
    StreamTakenOver,
)
from ingest.worker.service_link import Link

# How many signs of life a worker sends within the stall limit.
_SIGNS_OF_LIFE = 5
_LONGEST_SILENCE_SECONDS = 5.0

log = logging.getLogger(__name__)


def main(settings: Settings, job: Job, service: Connection) -> None:
    """Ingest a file and report the result; the entry point of the process."""
    lines = logs.set_up(settings.log_level, settings.log_format, Repeats(time.monotonic))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service decides when its workers stop
    signal.signal(signal.SIGTERM, _exit_on_signal)
    signal.signal(signal.SIGIO, signal.SIG_IGN)  # sent when a lease is broken; see open_file
    resource.setrlimit(resource.RLIMIT_DATA, (settings.memory_bytes, settings.memory_bytes))
    silence_seconds = min(settings.stall_seconds / _SIGNS_OF_LIFE, _LONGEST_SILENCE_SECONDS)
    link = Link(service, time.monotonic, silence_seconds)
    try:
        link.send(Progress())  # the stall limit counts from here
        lines.concern(file=job.path.name)
        probe = Probe(time.perf_counter, time.time_ns, settings.statistics_seconds, job.span)
        final_report = final_report_of(Worker(settings, job, link, probe, lines), settings)
        link.send(Progress(kafka=probe.kafka.take(), spans=probe.trace.take()))
        # The service terminates the process after this report; there is nothing to clean up.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        link.send(final_report)
    except (EOFError, ConnectionError) as error:
        log.info("event=worker_left reason=%r", str(error) or "the service is gone")


def final_report_of(worker: Worker, settings: Settings) -> Report:
    """Run a worker; return its final report, whatever happened."""
    try:
        return worker.run()
    except (Unreadable, Unfinished, Fenced, Blocked, StartOver) as error:
        match error:
            case Unreadable():
                report: Report = NotAVideo(str(error))
            case Unfinished():
                report = FileIncomplete(str(error), error.is_being_written)
            case Fenced():
                report = StreamTakenOver()
            case Blocked():
                report = ClusterRefused(str(error))
            case _:
                report = MustStartOver(str(error), worker.learned)
        return report
    except MemoryError:
        return NotAVideo(
            "Decoding it takes more memory than FRAMELOG_INGEST_MEMORY_BYTES allows, "
            f"{settings.memory_bytes}."
        )
    except (EOFError, ConnectionError, KafkaException):  # of the service, and of Kafka's client
        raise
    except Exception as error:
        log.exception("event=worker_failed")
        return NotAVideo(
            f"Ingest failed on it by a fault of its own: {type(error).__name__}, {error}. "
            "Its log has the trace."
        )


def _exit_on_signal(*_: object) -> NoReturn:
    """Exit on a signal: finish the commit under way, and close what is open."""
    raise SystemExit(0)
