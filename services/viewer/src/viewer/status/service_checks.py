"""Checks of each service's state, by its own health endpoint or protocol."""

import json
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal
from urllib.parse import urlsplit

from confluent_kafka import KafkaException, libversion
from confluent_kafka.admin import AdminClient

from viewer.status.http_probe import HttpProbe, NoAnswerError, sentence_of
from viewer.status.metric_scrapes import Scrape, parse_scrape
from viewer.status.plot_history import NAMES

RPC_SECONDS = 3.0
Resolve = Callable[..., Sequence[tuple[int, int, int, str, tuple[Any, ...]]]]
"""What `socket.getaddrinfo` is."""

_COMPATIBLE_API = "/apis/ccompat/"


@dataclass(frozen=True, slots=True)
class Service:
    """One service at one moment."""

    name: str
    state: Literal["ready", "waiting", "away", "unasked"]
    sentence: str
    address: str | None = None
    version: str | None = None
    checked_ms: int | None = None
    """When it was checked: milliseconds since 1970. None if it is checked for each request."""


def viewer_service(waiting_for: str | None, streams: int) -> Service:
    """Return this viewer's state; `streams` is the number in its catalogue."""
    release = version("framelog-viewer")
    if waiting_for is not None:
        return Service("viewer", "waiting", waiting_for, version=release)
    known = "1 stream is" if streams == 1 else f"{streams} streams are"
    sentence = f"{known} in the catalogue. Its Kafka client: librdkafka {libversion()[0]}."
    return Service("viewer", "ready", sentence, version=release)


def ask_ingest(probe: HttpProbe, urls: Sequence[str]) -> tuple[list[Service], dict[str, Scrape]]:
    """Ask each ingest service for its state and its metrics.

    A host name with several addresses, such as a container service's, stands for replicas.
    """
    if not urls:
        sentence = "Not monitored: FRAMELOG_VIEWER_INGEST_URLS is not set."
        return [Service("ingest", "unasked", sentence)], {}
    answers = {replica: _ask_one(probe, replica) for url in urls for replica in every_address(url)}
    scrapes = {replica: scrape for replica, (_, scrape) in answers.items() if scrape}
    return [service for service, _ in answers.values()], scrapes


def every_address(url: str, resolve: Resolve = socket.getaddrinfo) -> list[str]:
    """Return one URL for each address of the host; the URL itself if there is only one.

    An HTTPS URL is not changed either, because its certificate is for the host name.
    """
    parts = urlsplit(url)
    try:
        found = resolve(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM)
    except OSError:
        return [url]  # the request to it will report the error
    # One replica may have both an IPv4 and an IPv6 address.
    family = found[0][0]
    addresses = sorted({str(address[0]) for its, *_, address in found if its == family})
    if parts.scheme != "http" or len(addresses) < 2:
        return [url]
    port = "" if parts.port is None else f":{parts.port}"
    hosts = (f"[{a}]" if family == socket.AF_INET6 else a for a in addresses)
    return [parts._replace(netloc=f"{host}{port}").geturl() for host in hosts]


def _ask_one(probe: HttpProbe, url: str) -> tuple[Service, Scrape | None]:
    address = urlsplit(url).netloc
    try:
        status, said = probe.get(f"{url}/readyz")
        metrics_status, metrics = probe.get(f"{url}/metrics")
    except NoAnswerError as error:
        return Service("ingest", "away", f"It can't be reached: {error}.", address), None
    try:
        scrape = parse_scrape(metrics, NAMES)
    except ValueError:
        scrape = Scrape({})
    if metrics_status != 200 or not scrape.series:
        sentence = "The service at this address is not ingest. Check the address."
        return Service("ingest", "away", sentence, address), None
    release = scrape.label("framelog_ingest_build_info", "version")
    if status == 200:
        return Service("ingest", "ready", "Ready for videos.", address, release), scrape
    return Service("ingest", "waiting", sentence_of(said), address, release), scrape


def ask_registry(probe: HttpProbe, url: str) -> Service:
    """Check that the schema registry answers; ask Apicurio for its version."""
    address = urlsplit(url).netloc
    try:
        status, said = probe.get(f"{url}/subjects")
        if status != 200:
            sentence = f"It answers with status {status}: {sentence_of(said)}"
            return Service("registry", "waiting", sentence, address)
        origin, found, _ = url.partition(_COMPATIBLE_API)
        release = _apicurio_version(probe, origin) if found else None
    except NoAnswerError as error:
        return Service("registry", "away", f"It can't be reached: {error}.", address)
    return Service("registry", "ready", "It answers.", address, release)


def _apicurio_version(probe: HttpProbe, origin: str) -> str | None:
    status, said = probe.get(f"{origin}/apis/registry/v3/system/info")
    try:
        return str(json.loads(said)["version"]) if status == 200 else None
    except (ValueError, KeyError, TypeError):
        return None


def ask_kafka(admin: AdminClient, bootstrap_servers: str) -> Service:
    """Ask Kafka for its brokers. The protocol does not report Kafka's version."""
    try:
        brokers = len(admin.describe_cluster(request_timeout=RPC_SECONDS).result().nodes)
    except KafkaException as error:
        sentence = f"It can't be reached: {error.args[0].str()}."
        return Service("kafka", "away", sentence, bootstrap_servers)
    count = "One broker answers." if brokers == 1 else f"{brokers} brokers answer."
    return Service("kafka", "ready", count, bootstrap_servers)
