"""What is learned, in which order."""
