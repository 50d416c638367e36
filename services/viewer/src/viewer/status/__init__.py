"""What the status page shows: each service's state, and metrics of the last minutes."""
