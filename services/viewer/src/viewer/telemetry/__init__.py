"""What the service tells of itself: logs, metrics, spans, and threads that must live."""
