"""Frames by number: read, fetched from Kafka, cached."""
