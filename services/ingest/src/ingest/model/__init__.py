"""What a frame, a stream and what is asked of them are: pure, without I/O."""
