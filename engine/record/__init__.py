"""What happened in a run, without torch: events, their history, metrics, warnings."""
