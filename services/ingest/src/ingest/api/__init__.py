"""The HTTP server: health, metrics, and the routes and commands that control ingest."""
