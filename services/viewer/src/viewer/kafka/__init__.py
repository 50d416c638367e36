"""Kafka clients, the wire format, the schema registry, schemas and retention of the topics."""
