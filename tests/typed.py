"""What a command line would train, without training it."""

from collections.abc import Sequence
from unittest import mock

import pytest

from cl_tui.commands import cli
from engine.catalog.choices import benchmark_info
from engine.settings.run import RunConfig
from engine.training.control import typed_pace


class Ready(Exception):
    """All settings were understood."""


def trained_by(arguments: Sequence[str]) -> tuple[RunConfig, float | None]:
    """What ``cl-tui run ARGUMENTS`` trains, and its highest number of steps a second."""

    def ready(config: RunConfig, pace: str | None, without_screen: bool) -> None:
        raise Ready(config, typed_pace(pace, benchmark_info(config.benchmark).watch_pace))

    with mock.patch("cl_tui.commands.train._ready", ready), pytest.raises(Ready) as caught:
        cli.app(["run", *arguments], standalone_mode=False)
    config, pace = caught.value.args
    return config, pace
