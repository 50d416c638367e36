"""The HTTP server: health, metrics, and the routes that steer ingest."""
