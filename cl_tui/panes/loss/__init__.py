"""Loss against penalty."""
