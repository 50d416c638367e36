"""Turns videos in a folder into a Kafka log of frames."""
