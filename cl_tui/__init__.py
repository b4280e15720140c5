"""The command line and the screens of cl-tui. It never imports torch: the engine does the training.

``cl_tui.protect`` protects a network in a training loop of your own; using it loads torch.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.own_loop.protect import protect as protect

__all__ = ["protect"]


def __getattr__(name: str) -> Any:
    if name != "protect":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from engine.own_loop.protect import protect

    return protect
