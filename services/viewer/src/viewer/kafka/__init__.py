"""Clients, the wire format, the schema registry, and what Kafka says of its topics."""
