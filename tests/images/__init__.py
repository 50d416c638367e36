"""The images on a real engine, and compose.yaml unchanged; run by `make test-images` alone."""
