"""Plays the videos of a Framelog log in a browser."""
