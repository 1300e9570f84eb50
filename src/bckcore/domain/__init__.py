"""domain of the core."""
