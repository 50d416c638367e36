"""How bytes reach clients: direct sending, event streams, limits, and stalled clients."""
