"""What a finished task's importances and weights say."""
