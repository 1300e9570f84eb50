"""The desktop client: a thin window on the server's HTTP API, with nothing of the server installed."""
