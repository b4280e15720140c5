"""Tasks from a function in the user's own file."""
