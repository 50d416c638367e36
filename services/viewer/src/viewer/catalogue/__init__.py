"""Which streams there are and where each frame lies, followed from the log."""
