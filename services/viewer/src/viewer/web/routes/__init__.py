"""One module a subject of the HTTP API."""
