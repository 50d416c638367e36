"""The HTTP server and application: connections, access, errors and headers."""
