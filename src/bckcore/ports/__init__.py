"""ports of the core."""
