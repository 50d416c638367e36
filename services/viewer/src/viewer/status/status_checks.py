"""Checks all services every few seconds, and stores what it finds in the latest status."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from framelog_service.environment import revealed
from prometheus_client import CollectorRegistry

from viewer.catalogue.catalogue import Catalogue
from viewer.config.settings import Settings
from viewer.status.http_probe import HttpProbe
from viewer.status.ingest_files import ask_files
from viewer.status.latest_status import LatestStatus
from viewer.status.metric_scrapes import scrape_of
from viewer.status.plot_history import INTERVAL_SECONDS, NAMES, Moment
from viewer.status.service_checks import Service, ask_ingest, ask_kafka, ask_registry
from viewer.status.topic_checks import ask_disks, ask_topics, image_bytes

logger = logging.getLogger(__name__)

_CLUSTER_INTERVAL_SECONDS = 10.0
# A larger difference between the clocks means that the wall clock was set, not slewed.
_CLOCK_SET_MS = 1000


class StatusChecks:
    """Runs the checks in three threads: a slow cluster or folder leaves no gap in the plots.

    Each thread blocks on its own requests only. All write to the latest status.
    """

    def __init__(
        self,
        settings: Settings,
        latest_status: LatestStatus,
        *,
        admin: AdminClient,
        catalogue: Catalogue,
        metrics: CollectorRegistry,
        lost: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Check the services in `settings`; `metrics` are the viewer's own.

        `lost` returns a sentence if the registry has lost schemas.
        """
        self._lost = lost
        self._ahead_ms: int | None = None
        self._settings = settings
        self._latest_status = latest_status
        self._admin = admin
        self._catalogue = catalogue
        self._metrics = metrics
        self._probe = HttpProbe()
        self._ingest = HttpProbe(token=revealed(settings.ingest_token))
        self._registry = HttpProbe(
            revealed(settings.registry.user_info), settings.registry.ssl_ca_location
        )
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=work, name="status", daemon=True)
            for work in (
                (INTERVAL_SECONDS, self._check_services),
                (_CLUSTER_INTERVAL_SECONDS, self._check_cluster),
                (_CLUSTER_INTERVAL_SECONDS, self._check_files),
            )
        ]

    def start(self) -> None:
        """Start the thread."""
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        """Whether all threads run."""
        return all(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Ask the threads to end, and return at once; they end after their current requests."""
        self._stopping.set()

    def _check_services(self) -> None:
        """Read the viewer's own metrics, and ask ingest for its state and metrics."""
        at_ms = int(time.time() * 1000)
        ahead_ms = at_ms - int(time.monotonic() * 1000)
        if self._ahead_ms is not None and abs(ahead_ms - self._ahead_ms) > _CLOCK_SET_MS:
            # Keep the ages of the points: the clock was set, but no time passed.
            self._latest_status.history.shift(ahead_ms - self._ahead_ms)
        self._ahead_ms = ahead_ms
        services, scrapes = ask_ingest(self._probe, self._settings.ingest_urls)
        self._latest_status.ingest = _dated(services)
        own = scrape_of(self._metrics.collect(), NAMES)
        self._latest_status.history.add(Moment(at_ms, own, scrapes))

    def _check_cluster(self) -> None:
        """Check Kafka, the registry and the topics."""
        settings = self._settings
        [kafka] = _dated([ask_kafka(self._admin, settings.kafka.bootstrap_servers)])
        self._latest_status.cluster = [kafka, *self._latest_status.cluster[1:]]
        [registry] = _dated([ask_registry(self._registry, settings.registry.url)])
        lost = self._lost()
        if lost is not None and registry.state == "ready":
            registry = replace(registry, state="waiting", sentence=lost)
        self._latest_status.cluster = [kafka, registry]
        if kafka.state != "ready":
            return
        images = {
            settings.frames_topic: image_bytes(self._catalogue.changes_since(0).streams),
            settings.index_topic: None,
            settings.streams_topic: None,
        }
        try:
            disks = ask_disks(self._probe, settings.kafka_metrics_urls)
            self._latest_status.topics = ask_topics(self._admin, images, disks)
        except KafkaException as error:
            # Keep the last result; the next check reports Kafka's state.
            logger.debug("event=topics_unknown reason=%r", str(error))

    def _check_files(self) -> None:
        """Ask ingest for its waiting and failed files."""
        self._latest_status.files = ask_files(self._ingest, self._settings.ingest_urls)

    def _repeat(self, interval_seconds: float, check: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            try:
                check()
            # The status page must survive every error.
            except Exception:
                logger.exception("event=status_unknown")
            self._stopping.wait(interval_seconds)


def _dated(services: Sequence[Service]) -> list[Service]:
    """Set the time of the check to now: an answer may have taken seconds."""
    now_ms = int(time.time() * 1000)
    return [replace(service, checked_ms=now_ms) for service in services]
