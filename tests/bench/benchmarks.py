"""Every benchmark, in the order in which they run."""

from tests.bench.ingest_first_frame import INGEST_FIRST_FRAME
from tests.bench.ingest_floor import INGEST_FLOOR
from tests.bench.ingest_growth import INGEST_GROWTH
from tests.bench.ingest_observing import INGEST_OBSERVING
from tests.bench.ingest_passthrough import INGEST_PASSTHROUGH
from tests.bench.ingest_speed import INGEST_SPEED
from tests.bench.page import PAGE
from tests.bench.place import Benchmark
from tests.bench.viewer_delivery import VIEWER_DELIVERY
from tests.bench.viewer_exports import VIEWER_EXPORTS
from tests.bench.viewer_growth import VIEWER_PARTITIONS, VIEWER_STREAMS
from tests.bench.viewer_seeking import VIEWER_SEEKING
from tests.bench.viewer_watchers import VIEWER_WATCHERS
from tests.bench.viewer_windows import VIEWER_WINDOWS

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
