"""Whether a file has its end, by what its container says."""
