"""The session under the cursor at a glance. What takes long is read in the background, and kept for the next look."""

from collections import OrderedDict
from functools import partial
from pathlib import Path

from textual import work
from textual.timer import Timer

from cl_tui.charts.style import Line, Palette
from cl_tui.host.background import run_in_background
from cl_tui.panes.painted import Painted
from cl_tui.panes.sessions.glance import Glance, Read, draw, read
from cl_tui.reports.arrangement import Block, Row
from engine.errors import EngineError
from engine.sessions.listing import Listed

REST_SECONDS = 0.15
"""How long the cursor rests on a row before its log is read."""
KEPT = 24
"""How many logs are kept."""
GROWS_SECONDS = 10
"""How often the log of a session in training is read again."""


class PreviewPane(Painted):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._glance: Glance | None = None
        self._wanted: tuple[Listed, Listed | None] | None = None
        self._known: OrderedDict[object, Read] = OrderedDict()
        self._timer: Timer | None = None
        self._reading = False

    def preview(self, block: Block | None, row: Row | None) -> None:
        """Shows the row at once, and what its log tells as soon as it is read."""
        if block is None or row is None:
            self._glance, self._wanted = None, None
        else:
            baseline = block.baseline(row)
            listed = row.urgent
            self._wanted = wanted = (listed, _same_seed(baseline, listed) if baseline else None)
            self._glance = Glance(block, row, baseline, listed, self._known.get(_key(*wanted)))
        if self.display and self.region:
            self.repaint()
            self._read_soon()

    def on_resize(self) -> None:
        super().on_resize()
        self._read_soon()

    def _read_soon(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._glance is not None and self._glance.read is None and self._glance.listed.config is not None:
            self._timer = self.set_timer(REST_SECONDS, self._read)

    @work
    async def _read(self) -> None:
        if self._reading or self._wanted is None:
            return
        self._reading = True
        wanted = self._wanted
        try:
            found = await run_in_background(self.screen, partial(read, self._folder, *wanted))
        except (EngineError, OSError):
            found = Read()
        finally:
            self._reading = False
        self._known[_key(*wanted)] = found
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        glance = self._glance
        if glance is None or self._wanted is None:
            return
        if _key(*self._wanted) == _key(*wanted):
            self._glance = Glance(glance.block, glance.row, glance.baseline, glance.listed, found)
            self.repaint()
        else:
            self._read_soon()

    def drawing(self, width: int, height: int, palette: Palette) -> list[Line]:
        return draw(self._glance, width, height, palette) if self._glance else []


def _same_seed(row: Row, listed: Listed) -> Listed:
    """The session of the row that has the seed of ``listed``, or its first."""
    seed = listed.config.seed if listed.config else 0
    return next((of for of in row.members if of.config and of.config.seed == seed), row.first)


def _key(listed: Listed, baseline: Listed | None) -> object:
    """The same while nothing new would be read."""
    return tuple(
        (of.name, of.state, of.changed // GROWS_SECONDS if of.state == "running" else of.changed)
        for of in (listed, baseline)
        if of is not None
    )
