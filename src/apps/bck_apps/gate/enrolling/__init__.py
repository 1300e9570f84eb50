"""``bck-gate enrol``: what a person calls on the PC, once. The gate itself imports nothing of it."""
