"""How fast it is, side by side with what it could be: `make bench`."""
