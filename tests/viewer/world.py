"""A viewer without a broker: what keeps and fetches is a fake, the rest is real."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from jinja2.bccache import Bucket, BytecodeCache
from prometheus_client import CollectorRegistry
from viewer.catalogue.catalogue import Catalogue
from viewer.config.settings import Settings
from viewer.export.exports import Exports
from viewer.frames.frame_reader import FrameReader
from viewer.frames.segment_fetcher import FramesGoneError
from viewer.http_streaming.open_streams import OpenStreams
from viewer.kafka.retention import Limits
from viewer.model.records import Frame, Record
from viewer.playback.frame_sequences import Playback
from viewer.playback.live_frame_sender import LiveFrameSender
from viewer.sharing.rooms import Rooms, StoredState
from viewer.status.latest_status import LatestStatus
from viewer.status.metric_scrapes import scrape_of
from viewer.status.plot_history import NAMES, Moment
from viewer.status.service_checks import Service, viewer_service
from viewer.status.topic_checks import Topic
from viewer.telemetry.metrics import Metrics
from viewer.telemetry.spans import NoTraces
from viewer.web import routes
from viewer.web.app import create_app
from viewer.web.authentication import Authentication
from viewer.web.cache_headers import CacheHeaders
from viewer.web.client_quotas import ClientQuotas
from viewer.web.cross_site import SitePolicy
from viewer.web.health import Health
from viewer.web.stream_lookup import StreamLookup

from tests.viewer.builders import SCHEMA, STARTED_AT, STREAM_ID, frame, picture, record

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from types import CodeType

    from flask import Blueprint, Flask
    from viewer.catalogue.frame_index import SegmentLocation
    from werkzeug.test import TestResponse


class CompiledTemplates(BytecodeCache):
    """Has each template compiled once in a process, however many applications there are."""

    def __init__(self) -> None:
        self._compiled: dict[str, tuple[str, CodeType]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        checksum, code = self._compiled.get(bucket.key, ("", None))
        bucket.code = code if checksum == bucket.checksum else None

    def dump_bytecode(self, bucket: Bucket) -> None:
        assert bucket.code is not None
        self._compiled[bucket.key] = bucket.checksum, bucket.code


_TEMPLATES = CompiledTemplates()


@dataclass
class FakeFetcher:
    """A log in memory; frames before `low` are gone."""

    low: int = 0
    fetches: list[SegmentLocation] = field(default_factory=list)
    picture: Callable[[int], bytes] = picture

    def fetch(self, stream_id: str, run_id: str, location: SegmentLocation) -> tuple[Frame, ...]:
        self.fetches.append(location)
        if location.offsets[0] < 100 + self.low:
            raise FramesGoneError("expired")
        if stream_id != STREAM_ID:
            raise FramesGoneError("never written")
        first = location.first_frame
        return tuple(
            frame(n, run_id=run_id, image=self.picture(n))
            for n in range(first, first + len(location.offsets))
        )

    def fetch_records(self, stream_id: str, run_id: str, location: SegmentLocation) -> list[Record]:
        return [record(made) for made in self.fetch(stream_id, run_id, location)]

    def low_watermark(self, partition: int) -> int:
        assert partition == 2
        return 100 + self.low


@dataclass
class FakePositions:
    """Positions in a dictionary."""

    offsets: dict[tuple[str, str, int], int] = field(default_factory=dict)

    def get(self, viewer_id: str, stream_id: str, partition: int) -> int | None:
        return self.offsets.get((viewer_id, stream_id, partition))

    def put(self, viewer_id: str, stream_id: str, partition: int, offset: int) -> None:
        self.offsets[viewer_id, stream_id, partition] = offset


@dataclass
class FakeRetention:
    """A topic's settings."""

    kept_for: Limits = field(default_factory=lambda: Limits(3_600_000, 1 << 30))

    def limits(self) -> Limits:
        return self.kept_for


@dataclass
class FakeRooms:
    """Rooms in a dictionary."""

    stored: dict[str, StoredState] = field(default_factory=dict)

    def write(self, name: str, stored: StoredState) -> None:
        self.stored[name] = stored

    def read(self, names: Collection[str]) -> Mapping[str, StoredState]:
        return {name: self.stored[name] for name in names if name in self.stored}


class FakeClock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class StoppingEvent(threading.Event):
    """A flag; waiting for it takes no time but moves a clock on."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.seconds += timeout or 0
        return self.is_set()


def latest_status() -> LatestStatus:
    """Make a status with something of everything."""
    made = LatestStatus(lambda: viewer_service(None, 1), lambda: STARTED_AT / 1e6)
    made.ingest = [Service("ingest", "away", "It can't be reached: refused.", "ingest:8001")]
    made.cluster = [Service("kafka", "ready", "One broker answers.", "kafka:9092")]
    made.topics = [Topic("video.streams", 1, 12, None, 4096, "compact", None, None)]
    own = scrape_of(Metrics(CollectorRegistry()).registry.collect(), NAMES)
    for n in range(3):
        made.history.add(Moment(STARTED_AT // 1000 + n * 5000, own, {}))
    return made


@dataclass
class World:
    """A viewer without a broker: fakes around the real catalogue, cache, playback and routes."""

    settings: Settings
    clock: FakeClock
    metrics: Metrics
    fetcher: FakeFetcher
    catalogue: Catalogue
    reader: FrameReader
    open_streams: OpenStreams
    playback: Playback
    positions: FakePositions = field(default_factory=FakePositions)
    retention: FakeRetention = field(default_factory=FakeRetention)
    waiting_for: list[str] = field(default_factory=list)

    @cached_property
    def app(self) -> Flask:
        settings, clock, metrics = self.settings, self.clock, self.metrics
        authentication = Authentication(
            settings.token, settings.users, metrics, clock, self.open_streams.stopping.wait
        )
        cache_headers = CacheHeaders(bool(authentication.challenges))
        app = create_app(
            self._blueprints(cache_headers),
            authentication=authentication,
            site_policy=SitePolicy(settings.hosts, settings.origins, metrics),
            cache_headers=cache_headers,
            traces=NoTraces(),
            behind_proxy=settings.behind_proxy,
        )
        app.jinja_env.bytecode_cache = _TEMPLATES
        return app

    def _blueprints(self, cache_headers: CacheHeaders) -> list[Blueprint]:
        lookup = StreamLookup(self.catalogue, NoTraces())
        health = Health(lambda: True, lambda: self.waiting_for[0] if self.waiting_for else None)
        quotas = ClientQuotas(self.metrics, now=self.clock)
        return [
            routes.catalogue.blueprint(
                catalogue=self.catalogue,
                lookup=lookup,
                reader=self.reader,
                topic_retention=self.retention,
                open_streams=self.open_streams,
                cache_headers=cache_headers,
                health=health,
            ),
            routes.frames.blueprint(
                catalogue=self.catalogue,
                lookup=lookup,
                reader=self.reader,
                playback=self.playback,
                live_frame_sender=LiveFrameSender(self.metrics, self.settings.stall_seconds),
                open_streams=self.open_streams,
                cache_headers=cache_headers,
                metrics=self.metrics,
                health=health,
                frames_topic=self.settings.frames_topic,
            ),
            routes.exports.blueprint(
                catalogue=self.catalogue,
                lookup=lookup,
                exports=Exports(
                    self.reader,
                    lambda _: SCHEMA,
                    self.open_streams.stopping,
                    partial(self.metrics.delivered, "export"),
                ),
                open_streams=self.open_streams,
                health=health,
            ),
            routes.positions.blueprint(
                catalogue=self.catalogue,
                positions=self.positions,
                quotas=quotas,
                health=health,
            ),
            routes.rooms.blueprint(
                catalogue=self.catalogue,
                rooms=Rooms(FakeRooms(), now=self.clock),
                open_streams=self.open_streams,
                quotas=quotas,
                health=health,
            ),
            routes.pages.blueprint(catalogue=self.catalogue, health=health),
            routes.status.blueprint(latest_status=latest_status()),
            routes.health.blueprint(health=health, registry=self.metrics.registry),
        ]

    def expire_before(self, frame: int) -> None:
        """Have retention take the frames before this one, and the catalogue know."""
        self.fetcher.low = frame
        self.catalogue.set_low_watermarks({2: 100 + frame})


def world(cache_bytes: int = 1 << 20, max_streams: int = 2, **settings: object) -> World:
    """Make a viewer whose cache holds so much and that has so many streams open at most."""
    metrics = Metrics(CollectorRegistry())
    catalogue, fetcher, clock = Catalogue(), FakeFetcher(), FakeClock()
    reader = FrameReader(catalogue, fetcher, cache_bytes, metrics)
    open_streams = OpenStreams(max_streams, metrics)
    open_streams.stopping = stopping = StoppingEvent(clock)
    return World(
        settings=Settings(**settings),  # type: ignore[arg-type]
        clock=clock,
        metrics=metrics,
        fetcher=fetcher,
        catalogue=catalogue,
        reader=reader,
        open_streams=open_streams,
        playback=Playback(catalogue, reader, metrics, stopping, clock, sleep=stopping.wait),
    )


def value(metrics: Metrics, name: str, **labels: str) -> float:
    """Return one metric's value."""
    return metrics.registry.get_sample_value(f"framelog_viewer_{name}", labels) or 0.0


def json_of(response: TestResponse) -> Any:
    """Return a response's JSON."""
    assert response.json is not None
    return response.json
