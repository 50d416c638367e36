"""What can go wrong, named by what the one who asked does next."""


class ViewerError(Exception):
    """Something to tell the client: a sentence, and the status that goes with it."""

    status = 500


class BadRequestError(ViewerError):
    """Ask differently: the request can't be read."""

    status = 400


class NeverWasError(ViewerError):
    """Don't ask again: the stream or the frame was never there."""

    status = 404


class ExpiredError(ViewerError):
    """Ask for a later frame: this one was there, and the log no longer holds it."""

    status = 410

    def __init__(self, sentence: str, first_available_frame: int) -> None:
        super().__init__(sentence)
        self.first_available_frame = first_available_frame


class TryLaterError(ViewerError):
    """Ask again in a moment: the viewer is full, not ready, or the log is away."""

    status = 503
    retry_after_seconds = 2
