"""plugins of the core."""
