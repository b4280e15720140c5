"""What there is, by name, without torch: methods, benchmarks, models, presets."""
