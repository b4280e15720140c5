"""Speed and memory, each a ratio measured in one run."""
