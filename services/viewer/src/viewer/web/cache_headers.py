"""What a browser, or a cache between it and the viewer, may keep of an answer, and for how long.

A stream's frames are another's once it is ingested again, so only an address that names the run
stands for the same bytes always. All else is asked for again each time, which an ETag makes cheap.
"""

from dataclasses import dataclass

from flask import Response, request

# Frames of a run never change, but they may be forgotten or expire, or the run be replaced. A cache
# that many share asks for them again soon; that costs no reading of the log.
_PRIVATE_SECONDS, _SHARED_SECONDS = 3600, 10


@dataclass(frozen=True)
class CacheHeaders:
    """Marks answers for caches."""

    is_private: bool
    """Whether a login is asked for, so that nothing is for caches that others share."""

    def mark(self, response: Response, etag: str, *, names_run: bool) -> Response:
        """Let an answer be kept under its ETag; for a while unasked if its address names the run.

        The ETag must be another wherever a byte of the body is.
        """
        response.set_etag(etag)
        if not names_run:
            response.headers["Cache-Control"] = self._asked_again
        elif self.is_private:
            response.headers["Cache-Control"] = f"private, max-age={_PRIVATE_SECONDS}, immutable"
        else:
            response.headers["Cache-Control"] = (
                f"public, max-age={_PRIVATE_SECONDS}, s-maxage={_SHARED_SECONDS}, immutable"
            )
        return response

    def settle(self, response: Response) -> Response:
        """Mark what says nothing of caches by itself: to be asked for again, or not to be kept."""
        if "Cache-Control" in response.headers:
            return response
        if request.method not in {"GET", "HEAD"} or request.blueprint == "health":
            response.headers["Cache-Control"] = "no-store"
            return response
        response.headers["Cache-Control"] = self._asked_again
        if response.status_code == 200 and not response.is_streamed:
            response.add_etag()
            response.make_conditional(request)
        return response

    @property
    def _asked_again(self) -> str:
        return "private, no-cache" if self.is_private else "no-cache"
