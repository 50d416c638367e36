"""Errors, named by what the client does next."""


class ViewerError(Exception):
    """An error for the client: a sentence and its HTTP status."""

    status = 500
    retry_after_seconds: int | None = None


class BadRequestError(ViewerError):
    """Correct the request: it can't be read."""

    status = 400


class DeniedError(ViewerError):
    """Authenticate: the request needs a valid token or password."""

    status = 401


class CrossSiteError(ViewerError):
    """Use the viewer's own pages: other sites' pages may not change anything."""

    status = 403


class MisdirectedError(ViewerError):
    """Use another host name: this one is not the viewer's."""

    status = 421


class NeverWasError(ViewerError):
    """Don't retry: the stream or the frame never existed."""

    status = 404


class ExpiredError(ViewerError):
    """Request a later frame: this one has expired from the log."""

    status = 410

    def __init__(self, sentence: str, first_available_frame: int) -> None:
        super().__init__(sentence)
        self.first_available_frame = first_available_frame


class ReplacedError(ExpiredError):
    """Request the current run: the requested run is not, or not yet, available."""

    def __init__(self, sentence: str, first_available_frame: int, run_id: str) -> None:
        super().__init__(sentence, first_available_frame)
        self.run_id = run_id


class TryLaterError(ViewerError):
    """Retry soon: the viewer is full or not ready, or the log is unavailable."""

    status = 503
    retry_after_seconds = 2


class NoJsonError(ViewerError):
    """Send JSON with the Content-Type application/json."""

    status = 415


class TooManyRequestsError(ViewerError):
    """Wait before the next request: this client has sent too many."""

    status = 429

    def __init__(self, sentence: str, retry_after_seconds: int) -> None:
        super().__init__(sentence)
        self.retry_after_seconds = retry_after_seconds
