"""A screen from which new sessions are trained, in a monitor over it."""

from functools import partial
from pathlib import Path

from textual import work

from cl_tui.host.background import run_in_background
from cl_tui.host.exit_status import INTERRUPTED
from cl_tui.screens.root import RESULT_SECONDS, RootScreen
from engine.commands import command
from engine.sessions.names import free_name
from engine.sessions.session import Session
from engine.settings.own_code import require_trust
from engine.settings.run import RunConfig, moved
from engine.streams.files import prepare
from engine.training.runner import EngineThread, device_problem


class TrainingScreen(RootScreen):
    @work
    async def train(self, session: Session, pace: float | None = None, new: bool = False) -> None:
        """Where the session's device is missing, the best there is trains it."""
        if await run_in_background(self, partial(device_problem, session.config)):
            session.config = moved(session.config, {"device": "auto"})
        await self.in_monitor(session, pace, new)

    async def in_monitor(self, session: Session, pace: float | None, new: bool) -> None:
        """A ``new`` session that fails before its first step is removed."""
        from cl_tui.screens.monitor import MonitorScreen

        ended = await self.app.push_screen_wait(MonitorScreen(EngineThread(session, pace), pace))
        if new and ended.exit_code not in (0, INTERRUPTED):
            from cl_tui.batch.headless import discard_if_untrained

            await self.in_background("Cleaning up", partial(discard_if_untrained, session))
        if ended.message:
            self.reply(f"{session.name}: {ended.message.splitlines()[0]}", RESULT_SECONDS)


def new_session(folder: Path, config: RunConfig) -> Session:
    """Makes one, after its data. Raises EngineError."""
    require_trust(config, "this run", f"'{command('run', folder, '--trust-code')}'")
    prepare(config.benchmark, Path(config.data_dir))
    return Session.create(folder, free_name(folder), config)
