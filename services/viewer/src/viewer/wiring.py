"""Builds a viewer: creates each part and passes it the parts that it uses."""

from collections.abc import Callable
from functools import partial
from importlib.metadata import version

from framelog_service.environment import revealed
from prometheus_client import CollectorRegistry
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from viewer.catalogue.catalogue import Catalogue
from viewer.catalogue.expiry import Expiry
from viewer.catalogue.follower import Follower
from viewer.config.settings import Settings
from viewer.export.exports import Exports
from viewer.frames.frame_reader import FrameReader
from viewer.frames.segment_fetcher import SegmentFetcher
from viewer.http_streaming.open_streams import OpenStreams
from viewer.http_streaming.stalled_clients import StalledClients
from viewer.kafka.client_configuration import (
    admin_client,
    backup_consumer,
    fetch_consumer,
    follow_consumer,
)
from viewer.kafka.foreign_records import ForeignRecords
from viewer.kafka.log_schemas import LogSchemas
from viewer.kafka.retention import TopicRetention
from viewer.kafka.wire_format import Decoder, Registry
from viewer.playback.frame_sequences import Playback
from viewer.playback.live_frame_sender import LiveFrameSender
from viewer.sharing.positions import GroupPositions
from viewer.sharing.room_storage import GroupRooms
from viewer.sharing.rooms import Rooms
from viewer.status.latest_status import LatestStatus
from viewer.status.service_checks import viewer_service
from viewer.status.status_checks import StatusChecks
from viewer.telemetry.metrics import Metrics
from viewer.telemetry.spans import NoTraces, Traces
from viewer.telemetry.thread_health import ThreadHealth, log_uncaught_exceptions
from viewer.web import routes
from viewer.web.app import create_app
from viewer.web.authentication import Authentication
from viewer.web.cache_headers import CacheHeaders
from viewer.web.client_quotas import ClientQuotas
from viewer.web.cross_site import SitePolicy
from viewer.web.health import Health
from viewer.web.server import Viewer
from viewer.web.stream_lookup import StreamLookup

# When all streams are in use, a client that has read nothing for this long may be disconnected.
_MAKE_ROOM_AFTER_STALL_SECONDS = 1.0


def assemble(settings: Settings) -> Viewer:
    """Create a viewer and start its threads.

    Call this in the serving process: Kafka clients and threads do not survive a fork.
    """
    metrics = _metrics(settings)
    foreign = ForeignRecords(metrics)
    make_registry = partial(
        Registry,
        settings.registry.url,
        revealed(settings.registry.user_info),
        settings.registry.ssl_ca_location,
    )
    registry = make_registry()
    log_schemas = LogSchemas(
        settings,
        consumer=partial(backup_consumer, settings),
        registry=make_registry,
        metrics=metrics,
    )
    decoder = Decoder(log_schemas.guarded(registry.schema))
    catalogue = Catalogue()
    admin = admin_client(settings, metrics)
    follower = Follower(
        settings,
        consumer=partial(follow_consumer, settings, metrics),
        admin=admin,
        decoder=decoder,
        catalogue=catalogue,
        metrics=metrics,
        foreign=foreign,
    )
    metrics.catalogue_lag_seconds.set_function(lambda: follower.lag_seconds)
    consumers = [fetch_consumer(settings) for _ in range(settings.fetchers)]
    traces, end_traces = _tracing(settings)
    fetcher = SegmentFetcher(
        consumers, settings.frames_topic, decoder, metrics, traces, foreign=foreign
    )
    expiry = Expiry(admin, catalogue, settings.frames_topic)
    reader = FrameReader(catalogue, fetcher, settings.cache_bytes, metrics, expiry.ask_topic_id)
    stalled_clients = StalledClients()

    def end_most_stalled() -> bool:
        ended = stalled_clients.end_longest(_MAKE_ROOM_AFTER_STALL_SECONDS)
        metrics.stalled.inc(int(ended))
        return ended

    open_streams = OpenStreams(settings.max_streams, metrics, end_most_stalled)
    threads = ThreadHealth(open_streams.stopping)
    log_uncaught_exceptions()
    health = Health(
        alive=lambda: not threads.dead(),
        waiting_for=lambda: follower.waiting_for,
        dead=threads.dead,
        warning=lambda: log_schemas.problem,
    )
    latest_status = LatestStatus(
        lambda: viewer_service(health.waiting_for(), catalogue.size[0]), skipped=foreign.as_list
    )
    live_frame_sender = LiveFrameSender(metrics, settings.stall_seconds)
    watch = StatusChecks(
        settings,
        latest_status,
        admin=admin,
        catalogue=catalogue,
        metrics=metrics.registry,
        lost=lambda: log_schemas.problem,
    )
    authentication = Authentication(settings.token, settings.users, metrics)
    cache_headers = CacheHeaders(bool(authentication.challenges))
    lookup = StreamLookup(catalogue, traces)
    quotas = ClientQuotas(metrics)
    rooms = Rooms(GroupRooms(admin, catalogue, settings.frames_topic, metrics))
    app = create_app(
        [
            routes.catalogue.blueprint(
                catalogue=catalogue,
                lookup=lookup,
                reader=reader,
                topic_retention=TopicRetention(admin, settings.frames_topic),
                open_streams=open_streams,
                cache_headers=cache_headers,
                health=health,
            ),
            routes.frames.blueprint(
                catalogue=catalogue,
                lookup=lookup,
                reader=reader,
                playback=Playback(catalogue, reader, metrics, open_streams.stopping),
                live_frame_sender=live_frame_sender,
                open_streams=open_streams,
                cache_headers=cache_headers,
                metrics=metrics,
                health=health,
                frames_topic=settings.frames_topic,
            ),
            routes.exports.blueprint(
                catalogue=catalogue,
                lookup=lookup,
                exports=Exports(
                    reader,
                    decoder.schema_text,
                    open_streams.stopping,
                    partial(metrics.delivered, "export"),
                ),
                open_streams=open_streams,
                health=health,
            ),
            routes.positions.blueprint(
                catalogue=catalogue,
                positions=GroupPositions(admin, settings.frames_topic, metrics),
                quotas=quotas,
                health=health,
            ),
            routes.rooms.blueprint(
                catalogue=catalogue,
                rooms=rooms,
                open_streams=open_streams,
                quotas=quotas,
                health=health,
            ),
            routes.pages.blueprint(catalogue=catalogue, health=health),
            routes.status.blueprint(latest_status=latest_status),
            routes.health.blueprint(health=health, registry=metrics.registry),
        ],
        authentication=authentication,
        site_policy=SitePolicy(settings.hosts, settings.origins, metrics),
        cache_headers=cache_headers,
        traces=traces,
        behind_proxy=settings.behind_proxy,
    )
    log_schemas.start()
    follower.start()
    watch.start()
    followed = threads.run_forever("rooms", lambda: rooms.follow(open_streams.stopping))
    threads.require("follower", lambda: follower.alive)
    threads.require("status", lambda: watch.alive)
    threads.require("live edges", lambda: live_frame_sender.alive)

    def close() -> None:
        open_streams.stopping.set()
        followed.join()
        watch.stop()
        log_schemas.stop()
        # Before the others, which may take seconds while Kafka is unavailable.
        end_traces()
        follower.stop()
        fetcher.close()
        registry.close()

    return Viewer(app, open_streams.stopping, stalled_clients, metrics, close)


def _metrics(settings: Settings) -> Metrics:
    """Create the viewer's metrics and the metrics of its process."""
    collectors = CollectorRegistry()
    ProcessCollector(registry=collectors)
    GCCollector(registry=collectors)
    PlatformCollector(registry=collectors)
    return Metrics(collectors, settings.restarts)


def _tracing(settings: Settings) -> tuple[Traces, Callable[[], None]]:
    """Return the tracer and the function that shuts it down."""
    if not settings.traces:
        return NoTraces(), lambda: None
    from viewer.telemetry.span_export import OtlpTraces  # noqa: PLC0415 (large, so imported only if used)

    traces = OtlpTraces(version("framelog-viewer"))
    return traces, traces.close
