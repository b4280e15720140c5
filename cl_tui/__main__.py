"""``python -m cl_tui`` is ``cl-tui``."""

from cl_tui.commands.cli import main

if __name__ == "__main__":
    main()
