"""What the status page tells: the last minutes in numbers, and how each service is."""
