"""Turns prints, warnings and writes of native code into lines while the screen is up. Within ``capturing``, file
descriptors 1 and 2 lead into pipes that a thread reads, and Textual draws on a duplicate of the terminal."""

import contextlib
import ctypes
import os
import re
import selectors
import sys
import threading
import time
from codecs import getincrementaldecoder
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Literal, NamedTuple, TextIO

from engine.text import visible

Stream = Literal["out", "err", "run"]
"""Standard output, standard error, and the run's own messages."""

MOST_LINES = 10_000
LONGEST = 1000
"""Most characters of a line; a longer one continues in the next."""
PIPE_BYTES = 1 << 20
"""How much native code can write on Linux while it holds Python's lock, before it has to wait."""
QUIET_SECONDS = 0.5
"""After this long without a line break, the text so far becomes a line."""
_COLOURS = re.compile("\x1b\\[[0-9;:]*m")


class Line(NamedTuple):
    """One line of the log; lines sort by time."""

    time: float
    """Seconds since the epoch."""
    number: int
    """Captured lines count from 0, the run's lines are below 0; orders lines of the same moment."""
    stream: Stream
    text: str
    """Printable characters only."""


class Captured:
    """The newest ``most`` captured lines. Written by one thread, read by any."""

    def __init__(self, most: int = MOST_LINES) -> None:
        self.count = 0
        self._lines: deque[Line] = deque(maxlen=most)
        self._lock = threading.Lock()
        self._streams: tuple[TextIO, TextIO] | None = None

    @property
    def dropped(self) -> int:
        """Number of lines that were dropped for newer ones."""
        return self.count - len(self._lines)

    def add(self, stream: Stream, text: str) -> None:
        """Keeps ``text`` without colours as one line, or as several if it is very long."""
        text = visible(_COLOURS.sub("", text).expandtabs())
        now = time.time()
        with self._lock:
            for start in range(0, max(len(text), 1), LONGEST):
                self._lines.append(Line(now, self.count, stream, text[start : start + LONGEST]))
                self.count += 1

    def since(self, number: int = 0) -> list[Line]:
        """The kept lines from ``number`` on."""
        with self._lock:
            return list(islice(self._lines, max(0, number - self.dropped), None))

    def take_prints(self) -> None:
        """Call it when Textual runs: Textual has replaced Python's streams with its own, which let nothing out."""
        if self._streams is not None:
            sys.stdout, sys.stderr = self._streams


@contextlib.contextmanager
def capturing(captured: Captured) -> Iterator[None]:
    """Everything that this process and its children write to file descriptors 1 and 2 becomes lines of ``captured``.

    Within, ``sys.stderr``, ``sys.__stderr__`` and ``sys.__stdout__`` are the terminal: Textual draws there, asks for
    its size there, and prints errors there if it breaks. Does nothing without a terminal, and on Windows.
    """
    if os.name != "posix" or sys.__stderr__ is None or not os.isatty(2) or not os.isatty(1):
        yield
        return
    real = sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__
    _flush()
    kept = os.dup(1), os.dup(2)
    pipes = os.pipe(), os.pipe()
    terminal = open(os.dup(2), "w", encoding=sys.__stderr__.encoding, errors="replace")  # noqa: SIM115
    streams: tuple[Stream, Stream] = ("out", "err")
    readers = [Lines(captured, stream, read) for stream, (read, _) in zip(streams, pipes, strict=True)]
    thread = threading.Thread(target=_drain, args=(readers,), name="captured-output", daemon=True)
    thread.start()
    try:
        for number, (_, write) in enumerate(pipes, start=1):
            _widen(write)
            os.dup2(write, number)
            os.close(write)
        captured._streams = sys.stdout, sys.stderr
        sys.stderr = sys.__stdout__ = sys.__stderr__ = terminal  # type: ignore[misc]
        yield
    finally:
        captured._streams = None
        sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__ = real  # type: ignore[misc]
        _flush()
        for number, descriptor in enumerate(kept, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        thread.join(1.0)  # a child that still holds the pipe must not hold us
        with contextlib.suppress(OSError):  # the terminal may be gone
            terminal.close()


class Lines:
    """Splits what arrives in the pipe ``descriptor`` into lines."""

    def __init__(self, captured: Captured, stream: Stream, descriptor: int) -> None:
        self.descriptor = descriptor
        self._captured = captured
        self._stream = stream
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""
        """The line that has not ended yet."""

    @property
    def waiting(self) -> bool:
        """Whether a line has begun, except one that rewrites itself as a progress bar does."""
        return bool(self._rest) and "\r" not in self._rest

    def read(self) -> bool:
        """Reads what is there; False at the end."""
        data = os.read(self.descriptor, 1 << 16)
        self.feed(data)
        return bool(data)

    def feed(self, data: bytes) -> None:
        *whole, rest = (self._rest + self._decode(data)).split("\n")
        for line in whole:
            self._captured.add(self._stream, _rewritten(line))
        if "\r" in rest:
            rest = "\r" + _rewritten(rest) + "\r" * rest.endswith("\r")
        self._rest = rest
        if len(self._rest) > LONGEST:
            self.end()

    def end(self) -> None:
        """Turns the text so far into a line."""
        if self._rest:
            self._captured.add(self._stream, _rewritten(self._rest))
        self._rest = ""


def _drain(readers: list[Lines]) -> None:
    """Reads until no writer is left."""
    with selectors.DefaultSelector() as selector:
        for lines in readers:
            selector.register(lines.descriptor, selectors.EVENT_READ, lines)
        while selector.get_map():
            ready = selector.select(QUIET_SECONDS if any(lines.waiting for lines in readers) else None)
            for key, _ in ready:
                if not key.data.read():
                    key.data.end()
                    selector.unregister(key.fd)
                    os.close(key.fd)
            if not ready:
                for lines in readers:
                    if lines.waiting:
                        lines.end()


def _rewritten(line: str) -> str:
    """What a terminal shows of a line that returns to its beginning: the last text written there.

    >>> _rewritten("10 %\\r20 %\\r\\r"), _rewritten("\\r30 %"), _rewritten("as it is")
    ('20 %', '30 %', 'as it is')
    """
    return line.rstrip("\r").rpartition("\r")[2]


def _flush() -> None:
    """Flushes what Python and C still buffer to where descriptors 1 and 2 lead now."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    ctypes.CDLL(None).fflush(None)


def _widen(pipe: int) -> None:
    import fcntl

    with contextlib.suppress(AttributeError, OSError):  # Linux only, and up to the user's limit
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
