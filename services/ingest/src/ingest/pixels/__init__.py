"""Colours, tone mapping, orientation and the FFmpeg filters that carry them out."""
