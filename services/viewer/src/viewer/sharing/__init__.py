"""Positions and rooms: where viewers are, shared by devices and replicas."""
