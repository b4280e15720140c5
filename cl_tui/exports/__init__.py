"""A session for other programs: HTML, SVG, CSV, TensorBoard."""
