"""Routes, one module per resource. Each declares the permission it demands."""
