"""The command line and the screens of cl-tui. It never imports torch: the engine does the training."""
