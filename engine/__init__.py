"""Train networks on one task after another. Knows no screen."""
