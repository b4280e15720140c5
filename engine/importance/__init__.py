"""How much each parameter matters, measured on examples."""
