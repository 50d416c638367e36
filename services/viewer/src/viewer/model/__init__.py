"""Records, errors and request parameters: pure, without I/O."""
