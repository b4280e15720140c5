"""A session as TensorBoard's event file: TFRecords (tensorflow/core/lib/io/record_writer.h) of Events as protocol
buffers (tensorflow/core/util/event.proto), with only the fields for scalars and histograms."""

import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from cl_tui.reports import session_facts
from engine.record.events import ImportanceMeasured, LayerHistogram
from engine.record.history import History
from engine.settings.run import RunConfig

MOST_POINTS = 20_000
"""Most points of a curve; a longer one keeps each stretch's lowest and highest. TensorBoard shows about a thousand."""
LARGEST = 3.4028234e38
"""Largest scalar in TensorBoard."""


def event_file(config: RunConfig, history: History) -> bytes:
    """The whole file. Scores on the evaluation subsets and on whole test sets have different tags."""
    began = history.started.time if history.started is not None else 0.0
    version = _double(1, began) + _bytes(3, b"brain.Event:2")
    events = (
        _event(began + session_facts.seconds(history, step), step, value) for step, value in _values(config, history)
    )
    return b"".join(map(_record, (version, *events)))


def _values(config: RunConfig, history: History) -> Iterator[tuple[int, bytes]]:
    if history.curve.length:
        for name, curve in (("loss", history.curve.losses()), ("penalty", history.curve.penalties())):
            for step, value in zip(*session_facts.band(curve, MOST_POINTS // 2), strict=True):
                yield step, _scalar(f"steps/{name}", value)
    changes = [(change.step, change.strength) for change in history.strengths]
    for step, strength in ((0, history.strength(config, 0)), *changes):
        yield step, _scalar("steps/strength", strength)
    for where, series in (
        ("subset", session_facts.score_series(history)),
        ("whole test set", session_facts.whole_score_series(history)),
    ):
        for task, points in enumerate(series):
            tag = f"{history.score.title} on {where}/task {task + 1:03} ({history.tasks[task].name})"
            for step, score in points:
                yield step, _scalar(tag, score)
    for ended, row in enumerate(history.matrix, start=1):
        yield history.starts[ended], _scalar(f"{history.score.title} on whole test set/average", sum(row) / len(row))
    for measured in history.importances:
        for layer in measured.layers:
            yield measured.step, _histogram(f"importance/{layer.name}", layer, measured)


# Event, Summary, Summary.Value, HistogramProto


def _event(time: float, step: int, value: bytes) -> bytes:
    return _double(1, time) + b"\x10" + _varint(step) + _bytes(5, _bytes(1, value))


def _scalar(tag: str, value: float) -> bytes:
    return _bytes(1, tag.encode("utf-8", "replace")) + b"\x15" + struct.pack("<f", max(-LARGEST, min(value, LARGEST)))


def _histogram(tag: str, layer: LayerHistogram, measured: ImportanceMeasured) -> bytes:
    """A layer's Ω as counts between edges: exact zeros in the first bin, then the bins."""
    bins = len(layer.counts)
    growth = (measured.high / measured.low) ** (1 / bins)
    edges = [0.0, *(measured.low * growth**k for k in range(1, bins + 1))]
    counts = [layer.zeros, *layer.counts]
    total = layer.mean * layer.size
    filled = [k for k, count in enumerate(counts) if count]
    lowest, highest = (0.0 if not filled[0] else edges[filled[0] - 1], edges[filled[-1]]) if filled else (0.0, 0.0)
    histogram = _double(1, lowest) + _double(2, highest) + _double(3, float(layer.size)) + _double(4, total)
    histogram += _double(5, layer.mean * total)
    histogram += _doubles(6, edges) + _doubles(7, counts)
    return _bytes(1, tag.encode("utf-8", "replace")) + _bytes(5, histogram)


# Protocol buffers (https://protobuf.dev/programming-guides/encoding)


def _varint(value: int) -> bytes:
    """
    >>> _varint(300).hex()
    'ac02'
    """
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + _varint(value >> 7)


def _double(field: int, value: float) -> bytes:
    return bytes([field << 3 | 1]) + struct.pack("<d", value)


def _bytes(field: int, value: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(value)) + value


def _doubles(field: int, values: Sequence[float]) -> bytes:
    return _bytes(field, struct.pack(f"<{len(values)}d", *values))


# TFRecord


def _record(data: bytes) -> bytes:
    """Length, its checksum, the data, their checksum."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, _masked(length), data, _masked(data)))


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def crc32c(data: Iterable[int]) -> int:
    """Castagnoli's checksum (RFC 3720, B.4).

    >>> f"{crc32c(b'123456789'):08x}"
    'e3069283'
    """
    table, crc = _table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


@cache
def _table() -> tuple[int, ...]:
    def divided(remainder: int) -> int:
        for _ in range(8):
            remainder = remainder >> 1 ^ (0x82F63B78 if remainder & 1 else 0)
        return remainder

    return tuple(map(divided, range(256)))
