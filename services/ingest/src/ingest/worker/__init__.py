"""One file's pipeline, in a process of its own, and how it talks to the service."""
