"""Errors, named by what the caller does next."""


class IngestError(Exception):
    """Any error of this service; its text is a sentence for people."""


class Unreadable(IngestError):
    """Quarantine the file: nothing in it can be decoded."""


class Unfinished(IngestError):
    """Look at the file again later: more of it may be on its way.

    is_being_written: somebody has it open for writing.
    """

    def __init__(self, reason: str, *, is_being_written: bool = False) -> None:
        super().__init__(reason)
        self.is_being_written = is_being_written


class FileChanged(IngestError):
    """Begin again with the file: it was changed while it was read."""


class Unavailable(IngestError):
    """Wait and try again: the broker or the registry is away, or not set up yet."""


class Overdue(Unavailable):
    """Try another publisher: Kafka ended the transaction, as it had been open for too long."""


class Broken(Unavailable):
    """Wait and try another publisher, but not for ever: nobody says that waiting helps."""


class LimitsChanged(Unavailable):
    """Open another publisher at once: the log takes smaller records than this one was told."""


class Blocked(IngestError):
    """Let go of the worker, and try again later: a person must mend what the text says."""


class Foreign(IngestError):
    """Pass the record over: it is not one that ingest, of any version, has written."""


class StartOver(IngestError):
    """Begin anew at what is committed: what has been read of the file can't be sent as it is."""


class Replaced(StartOver):
    """Begin the stream again, as a new run: what is committed of it is no longer in the log."""


class Fenced(IngestError):
    """Let go of the file: another worker has taken its stream over."""


class Unknown(IngestError):
    """Ask for something else: there is no file or stream of this name."""


class Refused(IngestError):
    """Ask again later, or do first what the text says: it can't be done as things stand."""
