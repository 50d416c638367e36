"""What runs where, and what becomes of each file."""
