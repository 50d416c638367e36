"""Checks of the topics: their sizes and retention."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec

from viewer.catalogue.stream_view import StreamView
from viewer.status.http_probe import HttpProbe, NoAnswerError
from viewer.status.metric_scrapes import Scrape, parse_scrape
from viewer.status.service_checks import RPC_SECONDS

# As deploy/kafka/jmx-exporter.yml names the size of each partition.
_LOG_SIZE = "kafka_log_log_size_bytes"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic at one moment."""

    name: str
    partitions: int
    offsets: int
    """Offsets from the first available to the newest, summed over the partitions.

    Transaction markers use some, and compaction leaves gaps: this is the most records possible."""
    image_bytes: int | None
    """Bytes of the available images, in the frames topic."""
    disk_bytes: int | None
    """On the brokers' disks, all replicas in total; None without the brokers' metrics."""
    cleanup_policy: str
    retention_ms: int | None
    retention_bytes: int | None
    """For one partition; None means no limit."""


def image_bytes(views: Iterable[StreamView]) -> int:
    """Estimate the bytes of the available images; a partly expired stream counts in proportion."""
    total = 0
    for view in views:
        there, all_of_it = view.frame_count - view.first_available_frame, view.stream.frame_count
        total += view.stream.bytes * there // all_of_it if all_of_it else 0
    return total


def ask_disks(probe: HttpProbe, urls: Sequence[str]) -> Scrape | None:
    """Ask all brokers' metrics for their logs' sizes; None unless all answer."""
    try:
        found = [parse_scrape(probe.get(url)[1], {_LOG_SIZE}) for url in urls]
    except (NoAnswerError, ValueError):
        return None
    series = [one for scrape in found for one in scrape.series.get(_LOG_SIZE, ())]
    return Scrape({_LOG_SIZE: series}) if series else None


def ask_topics(
    admin: AdminClient, images: Mapping[str, int | None], disks: Scrape | None
) -> list[Topic]:
    """Ask Kafka about these topics; the values are the bytes of images in each, if any.

    Raises KafkaException. Missing topics are left out.
    """
    known = admin.list_topics(timeout=RPC_SECONDS).topics
    there = [name for name in images if name in known and known[name].error is None]
    counts = {name: len(known[name].partitions) for name in there}
    offsets = _offsets(admin, counts)
    resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in there]
    answers = admin.describe_configs(resources, request_timeout=RPC_SECONDS) if there else {}
    configs = {resource.name: answer.result() for resource, answer in answers.items()}
    return [
        Topic(
            name=name,
            partitions=counts[name],
            offsets=offsets[name],
            image_bytes=images[name],
            disk_bytes=_disk_bytes(disks, name),
            cleanup_policy=configs[name]["cleanup.policy"].value,
            retention_ms=_bound(configs[name]["retention.ms"].value),
            retention_bytes=_bound(configs[name]["retention.bytes"].value),
        )
        for name in there
    ]


def _offsets(admin: AdminClient, partitions: Mapping[str, int]) -> dict[str, int]:
    where = [TopicPartition(name, p) for name, count in partitions.items() for p in range(count)]
    totals = dict.fromkeys(partitions, 0)
    for spec, sign in ((OffsetSpec.latest(), 1), (OffsetSpec.earliest(), -1)):  # type: ignore[no-untyped-call]
        asked = dict.fromkeys(where, spec)
        answers = admin.list_offsets(asked, request_timeout=RPC_SECONDS) if where else {}
        for partition, answer in answers.items():
            totals[partition.topic] += sign * answer.result().offset
    return totals


def _disk_bytes(disks: Scrape | None, topic: str) -> int | None:
    total = disks.total(_LOG_SIZE, topic={topic}) if disks is not None else None
    return None if total is None else int(total)


def _bound(value: str) -> int | None:
    return int(value) if int(value) >= 0 else None
