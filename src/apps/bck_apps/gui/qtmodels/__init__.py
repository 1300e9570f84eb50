"""Table models over view-model rows."""
