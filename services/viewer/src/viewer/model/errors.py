"""What can go wrong, named by what the one who asked does next."""


class ViewerError(Exception):
    """Something to tell the client: a sentence, and the status that goes with it."""

    status = 500
    retry_after_seconds: int | None = None


class BadRequestError(ViewerError):
    """Ask differently: the request can't be read."""

    status = 400


class DeniedError(ViewerError):
    """Say who you are: without a token or a password that is right, nobody is let in."""

    status = 401


class CrossSiteError(ViewerError):
    """Ask from the viewer's own pages: another site's may change nothing."""

    status = 403


class MisdirectedError(ViewerError):
    """Ask by another name: this one is none of the viewer's."""

    status = 421


class NeverWasError(ViewerError):
    """Don't ask again: the stream or the frame was never there."""

    status = 404


class ExpiredError(ViewerError):
    """Ask for a later frame: this one was there, and the log no longer holds it."""

    status = 410

    def __init__(self, sentence: str, first_available_frame: int) -> None:
        super().__init__(sentence)
        self.first_available_frame = first_available_frame


class ReplacedError(ExpiredError):
    """Ask for the run that is there: the one that was named isn't, or isn't yet."""

    def __init__(self, sentence: str, first_available_frame: int, run_id: str) -> None:
        super().__init__(sentence, first_available_frame)
        self.run_id = run_id


class TryLaterError(ViewerError):
    """Ask again in a moment: the viewer is full, not ready, or the log is away."""

    status = 503
    retry_after_seconds = 2


class NoJsonError(ViewerError):
    """Send JSON, and say so: only bodies that do are read."""

    status = 415


class TooManyRequestsError(ViewerError):
    """Wait before you ask again: there was too much of it from you."""

    status = 429

    def __init__(self, sentence: str, retry_after_seconds: int) -> None:
        super().__init__(sentence)
        self.retry_after_seconds = retry_after_seconds
