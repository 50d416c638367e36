"""The setup, the local stack and the containers' settings."""
