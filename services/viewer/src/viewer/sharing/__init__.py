"""Positions and rooms: where viewers are, across devices and replicas."""
