"""The command line and the screens of cl-tui. Never imports torch: training is the engine's."""
