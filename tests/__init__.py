"""Mirrors the packages; reference/ holds the slow, obvious versions of the formulas, runs.py what tests share."""

import signal

from hypothesis import settings

settings.register_profile("cl-tui", deadline=None, derandomize=True)  # the first call of anything in torch is slow
settings.load_profile("cl-tui")

# nohup, and a script that starts the tests in its background, leave signals ignored, and programs started here would
# inherit that. A handler is not inherited: they start as from a terminal, while the tests outlive the terminal.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for _name in ("SIGHUP", "SIGQUIT"):
    _number = getattr(signal, _name, None)
    if _number is not None and signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)
