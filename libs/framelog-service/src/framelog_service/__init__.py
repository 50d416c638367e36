"""What every Framelog service needs and none should own; it imports no service."""
