"""Errors, named by what the caller does next."""


class IngestError(Exception):
    """Any error of this service; its text is a sentence for people."""


class BadSetting(IngestError):
    """Stop the service: a setting has a value that it can't have."""


class Unreadable(IngestError):
    """Quarantine the file: nothing in it can be decoded."""


class Unfinished(IngestError):
    """Look at the file again later: its end is missing, and may be on its way."""


class Unavailable(IngestError):
    """Wait and try again: the broker or the registry is away, or not set up yet."""


class Fenced(IngestError):
    """Let go of the file: another worker has taken its stream over."""


class Unknown(IngestError):
    """Ask for something else: there is no file or stream of this name."""


class Refused(IngestError):
    """Ask again later, or do first what the text says: it can't be done as things stand."""
