"""What a screen may ask of the program around it."""
