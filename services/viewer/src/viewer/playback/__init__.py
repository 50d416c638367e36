"""Frames one after another: windows, ranges, and the live edge."""
