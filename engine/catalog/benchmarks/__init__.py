"""The benchmarks by name."""

from engine.catalog.entries import BenchmarkInfo, found

BENCHMARKS: dict[str, BenchmarkInfo] = found(__name__, __path__, BenchmarkInfo)
