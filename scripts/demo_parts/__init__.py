"""Parts of scripts/demo.py: a client of the HTTP API, folder trees, processes, and what is shown."""
