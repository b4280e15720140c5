"""Tables and pages of text."""
