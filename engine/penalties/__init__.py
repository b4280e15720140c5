"""What holds parameters near the values that earlier tasks left."""
