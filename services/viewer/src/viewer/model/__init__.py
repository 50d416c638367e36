"""Records, errors and parameters: pure, without I/O."""
