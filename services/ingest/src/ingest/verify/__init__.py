"""The command line, and reading the log back to see whether it is whole."""
