"""Every benchmark, in the order in which they run."""

from tests.bench.ingest_floor import INGEST_FLOOR
from tests.bench.place import Benchmark

BENCHMARKS: tuple[Benchmark, ...] = (INGEST_FLOOR,)
