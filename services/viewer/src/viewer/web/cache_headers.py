"""Cache headers: what browsers and shared caches may keep, and for how long.

After a stream is ingested again, it has other frames. So only a URL with the run always returns the
same bytes. All other responses are revalidated each time, which an ETag makes cheap.
"""

from dataclasses import dataclass

from flask import Response, request

# A run's frames never change, but they may be removed or expire, or the run may be replaced. So
# shared caches revalidate soon, which does not read the log.
_PRIVATE_SECONDS, _SHARED_SECONDS = 3600, 10


@dataclass(frozen=True)
class CacheHeaders:
    """Sets the cache headers of responses."""

    is_private: bool
    """Whether a login is required: then shared caches may store nothing."""

    def mark(self, response: Response, etag: str, *, names_run: bool) -> Response:
        """Allow caches to keep a response; for a while unchecked if its URL names the run.

        Different bodies must have different ETags.
        """
        response.set_etag(etag)
        if not names_run:
            response.headers["Cache-Control"] = self._revalidated
        elif self.is_private:
            response.headers["Cache-Control"] = f"private, max-age={_PRIVATE_SECONDS}, immutable"
        else:
            response.headers["Cache-Control"] = (
                f"public, max-age={_PRIVATE_SECONDS}, s-maxage={_SHARED_SECONDS}, immutable"
            )
        return response

    def settle(self, response: Response) -> Response:
        """Set default headers: revalidate each time, or do not store."""
        if "Cache-Control" in response.headers:
            return response
        if request.method not in {"GET", "HEAD"} or request.blueprint == "health":
            response.headers["Cache-Control"] = "no-store"
            return response
        response.headers["Cache-Control"] = self._revalidated
        if response.status_code == 200 and not response.is_streamed:
            response.add_etag()
            response.make_conditional(request)
        return response

    @property
    def _revalidated(self) -> str:
        return "private, no-cache" if self.is_private else "no-cache"
