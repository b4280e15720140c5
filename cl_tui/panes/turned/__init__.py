"""How many examples turned wrong."""
