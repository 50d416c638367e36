"""How bytes reach clients: responses, event streams, and clients that are too slow."""
