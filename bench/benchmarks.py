"""Every benchmark, in the order in which they run."""

from bench.benchmark import Benchmark
from bench.ingest.first_frame import INGEST_FIRST_FRAME
from bench.ingest.floor import INGEST_FLOOR
from bench.ingest.growth import INGEST_GROWTH
from bench.ingest.observing import INGEST_OBSERVING
from bench.ingest.passthrough import INGEST_PASSTHROUGH
from bench.ingest.speed import INGEST_SPEED
from bench.viewer.delivery import VIEWER_DELIVERY
from bench.viewer.exports import VIEWER_EXPORTS
from bench.viewer.growth import VIEWER_PARTITIONS, VIEWER_STREAMS
from bench.viewer.page import PAGE
from bench.viewer.seeking import VIEWER_SEEKING
from bench.viewer.watchers import VIEWER_WATCHERS
from bench.viewer.windows import VIEWER_WINDOWS

BENCHMARKS: tuple[Benchmark, ...] = (
    INGEST_FLOOR,
    INGEST_OBSERVING,
    INGEST_SPEED,
    INGEST_PASSTHROUGH,
    INGEST_FIRST_FRAME,
    INGEST_GROWTH,
    VIEWER_DELIVERY,
    VIEWER_WATCHERS,
    VIEWER_WINDOWS,
    VIEWER_SEEKING,
    VIEWER_EXPORTS,
    VIEWER_STREAMS,
    VIEWER_PARTITIONS,
    PAGE,
)
