"""Clips as files."""
