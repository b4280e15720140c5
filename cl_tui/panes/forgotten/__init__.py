"""Examples that were right when their task was learned and are wrong now."""
