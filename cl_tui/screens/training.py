"""A screen from which new sessions are trained, in a monitor over it."""

from functools import partial

from textual import work

from cl_tui.host.background import run_in_background
from cl_tui.host.exit_status import INTERRUPTED
from cl_tui.screens.root import RootScreen
from engine.sessions.session import Session
from engine.settings.run import moved

RESULT_SECONDS = 10.0
"""How long the result of a run is shown."""


class TrainingScreen(RootScreen):
    @work
    async def train(self, session: Session, pace: float | None = None, new: bool = False) -> None:
        """Where the session's device is missing, the best there is trains it. A ``new`` session that fails before its
        first step is removed."""
        from cl_tui.screens.monitor import MonitorScreen
        from engine.training.runner import EngineThread, device_problem

        if await run_in_background(self, partial(device_problem, session.config)):
            session.config = moved(session.config, {"device": "auto"})
        ended = await self.app.push_screen_wait(MonitorScreen(EngineThread(session, pace), pace))
        if new and ended.exit_code not in (0, INTERRUPTED):
            from cl_tui.batch.headless import discard_if_untrained

            await run_in_background(self, partial(discard_if_untrained, session))
        if ended.message:
            self.reply(f"{session.name}: {ended.message.splitlines()[0]}", RESULT_SECONDS)
