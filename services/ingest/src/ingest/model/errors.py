"""Errors, named by what the caller does next."""


class IngestError(Exception):
    """Any error of this service; its text is a sentence for people."""


class Unreadable(IngestError):
    """Quarantine the file: nothing in it can be decoded."""


class Unfinished(IngestError):
    """Check the file again later: it may still be incomplete.

    is_being_written: a program has it open for writing.
    """

    def __init__(self, reason: str, *, is_being_written: bool = False) -> None:
        super().__init__(reason)
        self.is_being_written = is_being_written


class FileChanged(IngestError):
    """Start over with the file: it was changed while it was read."""


class Unavailable(IngestError):
    """Wait and try again: the broker or the registry is unavailable, or not set up yet."""


class Overdue(Unavailable):
    """Open another publisher: Kafka ended the transaction because it was open for too long."""


class Broken(Unavailable):
    """Wait and try another publisher, a few times: the error may not end by itself."""


class LimitsChanged(Unavailable):
    """Open another publisher at once: the log accepts only smaller records than expected."""


class Blocked(IngestError):
    """Free the worker, and try again later: a person has to fix what the text says."""


class Foreign(IngestError):
    """Skip the record: no version of ingest has written it."""


class StartOver(IngestError):
    """Start over from the committed state: what was read can't be sent as it is."""


class Replaced(StartOver):
    """Begin a new run of the stream: the log has lost what was committed of it."""


class Fenced(IngestError):
    """Stop writing the stream: another worker has taken it over."""


class Unknown(IngestError):
    """Correct the name: there is no such file or stream."""


class Refused(IngestError):
    """Try later, or first do what the text says: not possible in the current state."""
