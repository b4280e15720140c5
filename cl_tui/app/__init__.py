"""The Textual app and its looks."""
