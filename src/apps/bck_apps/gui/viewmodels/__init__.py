"""What each page knows and decides, in plain Python: no Qt in here. Widgets show it and pass on clicks."""
