"""What a run is told: defaults, files, options."""
