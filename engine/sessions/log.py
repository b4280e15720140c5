"""events.jsonl: lines of JSON with one writer. The last member, ``"sum":"1a2b3c4d"}``, is CRC-32 of the text before it,
seeded with the line's offset, so that moved lines are detected, too. A log of format 1, which has no checksums, or 2 is
never rewritten: a resume appends a marker line, after which lines have the present format."""

import contextlib
import errno
import os
import re
import sys
import threading
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from engine.disk import naming
from engine.record.events import Event, decode, encode
from engine.sessions.upgrade import upgraded

FORMAT = 3
LONGEST_LINE = 1 << 24
"""Longest accepted line in bytes. The histograms of 10,000 layers make a line of half of this; a longer line is no
event."""
TOO_LONG = f"it is longer than {LONGEST_LINE:,} bytes"
_KIND = re.compile(rb'"event":"([a-z-]+)"(?:,"sum":"[0-9a-f]{8}")?\}\n$')
_MARKER = b"format"
LONGEST_END = 200
"""Bytes at the end of a line that contain its kind and checksum."""
_SUM = b',"sum":"'
_TAIL = len(_SUM) + len('00000000"}\n')


def line(event: Event, start: int) -> bytes:
    """``event`` as a line that begins at byte ``start`` of the log."""
    return summed(encode(event).encode("utf-8", "replace"), start)


def marker(start: int) -> bytes:
    """The line at byte ``start`` after which a log has the present format."""
    return summed(b'{"format":%d,"event":"%b"}' % (FORMAT, _MARKER), start)


def summed(text: bytes, start: int) -> bytes:
    """The JSON object ``text`` as a line that begins at byte ``start``."""
    text = text[:-1]
    return b'%b%b%08x"}\n' % (text, _SUM, zlib.crc32(text, start & 0xFFFFFFFF))


def check(text: bytes, start: int) -> None:
    """Raises ValueError unless the line ``text``, with its line break, was written at byte ``start``."""
    content, tail = text[:-_TAIL], text[-_TAIL:]
    if not tail.startswith(_SUM) or tail != b'%b%08x"}\n' % (_SUM, zlib.crc32(content, start & 0xFFFFFFFF)):
        raise ValueError("its checksum does not fit")


def kind(text: bytes) -> bytes:
    """What a line reports, read from its end without parsing the rest; empty if it is unknown."""
    found = _KIND.search(text[-LONGEST_END:])
    return found[1] if found else b""


def whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """The complete lines from the current position of ``file``. Raises ValueError for a line that is too long."""
    while (text := file.readline(LONGEST_LINE)).endswith(b"\n"):
        yield text
    if len(text) == LONGEST_LINE:
        raise ValueError(TOO_LONG)


class Lines:
    """Reads the lines of one log in order, each in the format that holds at its place."""

    def __init__(self, format: int) -> None:
        """``format``: that of the first line."""
        self._first = format
        self._from = 0 if format == FORMAT else sys.maxsize
        """The byte from which on lines have the present format, as far as is known."""

    def format(self, start: int) -> int:
        return FORMAT if start >= self._from else self._first

    def check(self, text: bytes, start: int) -> None:
        """Raises ValueError unless the line ``text`` was written at byte ``start``."""
        marks = start < self._from and kind(text) == _MARKER
        if marks or self.format(start) > 1:
            check(text, start)
        if marks:
            self._from = start + len(text)

    def events(self, text: bytes, start: int) -> Sequence[Event]:
        """The events in a line: one, except in older formats. Raises ValueError."""
        self.check(text, start)
        if start >= self._from:
            return (decode(text),)
        return () if start + len(text) == self._from else upgraded(text)

    def skip(self, file: BinaryIO, start: int) -> None:
        """Goes to byte ``start`` of the log ``file``. Raises ValueError."""
        place = 0
        if self._first != FORMAT:  # the marker may come before
            file.seek(0)
            for text in whole_lines(file):
                if place >= start:
                    break
                if kind(text) == _MARKER:
                    self._from = place + len(text)
                place += len(text)
        file.seek(start)


class EventLog:
    """The log, open for its only writer, which may append while another thread syncs.

    Unsynced lines are also kept in memory: after a failed write or sync the file's content is unknown, and ``mend``
    writes them again.
    """

    def __init__(self, path: Path, length: int, format: int = FORMAT) -> None:
        """Opens the log and cuts it to ``length`` bytes, where an older ``format`` ends. Raises OSError."""
        self._path = path
        self._lock = threading.Lock()
        self.length = length
        """Length in bytes with everything appended; a checkpoint stores it, so that a resume can cut later lines."""
        self._written = length
        self._synced = length
        self._unsynced = bytearray()
        self._mended = 0
        self._file = self._opened()
        os.ftruncate(self._file, length)
        if format != FORMAT:
            self._append(marker(length))

    def _opened(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        return os.open(self._path, flags)

    def append(self, *events: Event) -> None:
        """Appends ``events``. Raises OSError if they could not be written yet; ``mend`` then writes them."""
        with self._lock:
            for event in events:
                self._append(line(event, self.length))
            self._write()

    def _append(self, text: bytes) -> None:
        self._unsynced += text
        self.length += len(text)

    def _write(self) -> None:
        with naming(self._path):
            while self._written < self.length:
                self._written += os.write(self._file, bytes(self._unsynced[self._written - self._synced :]))

    def sync(self) -> None:
        """Flushes everything appended before this call to the disk. Raises OSError; then ``mend`` is needed."""
        with self._lock:
            self._write()
            length, file, mended = self.length, os.dup(self._file), self._mended
        try:
            if not os.path.samestat(os.stat(self._path), os.fstat(file)):
                raise FileNotFoundError(errno.ENOENT, "another file has taken its place", str(self._path))
            with naming(self._path):
                os.fsync(file)
        finally:
            _close(file)
        with self._lock:
            if self._mended != mended:
                raise OSError(errno.EAGAIN, "it was rewritten in the meantime", str(self._path))
            del self._unsynced[: length - self._synced]
            self._synced = length

    def mend(self) -> None:
        """Reopens the file and writes all unsynced lines again. Raises OSError if that is not possible yet."""
        with self._lock:
            file = self._opened()
            if os.fstat(file).st_size < self._synced:
                _close(file)
                raise OSError(errno.EIO, "it is shorter than it was", str(self._path))
            old, self._file = self._file, file
            _close(old)
            self._mended += 1
            os.ftruncate(file, self._synced)
            self._written = self._synced
            self._write()

    def close(self) -> None:
        _close(self._file)


def _close(file: int) -> None:
    with contextlib.suppress(OSError):  # closed in any case; all lines are synced or in memory
        os.close(file)
