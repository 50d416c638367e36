"""What can keep the local stack from running."""


class LocalError(Exception):
    """The stack can't do what was asked; the message says why and what to do about it."""
