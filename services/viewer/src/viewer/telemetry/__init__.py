"""Metrics, Kafka client statistics, spans, and the health of threads."""
