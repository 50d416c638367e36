"""Records a span for each request, until its last byte has been sent."""

from contextlib import ExitStack

from flask import Flask, Response, g, request

from viewer.telemetry.spans import Traces

# Requested every few seconds, or open for as long as a page is.
_UNTRACED = {None, "health", "status"}


def register(app: Flask, traces: Traces) -> None:
    """Trace the application's requests; register it before all other request handlers."""

    @app.before_request
    def begin() -> None:
        g.open_spans = ExitStack()
        g.span = None
        rule = request.url_rule
        is_events = (request.endpoint or "").endswith(".events")
        if rule is None or is_events or request.blueprint in _UNTRACED:
            return
        attributes = {
            "http.request.method": request.method,
            "http.route": rule.rule,
            "url.path": request.path,
        }
        name = f"{request.method} {rule.rule}"
        g.span = g.open_spans.enter_context(
            traces.span(name, attributes, {key.lower(): value for key, value in request.headers})
        )

    @app.after_request
    def send(response: Response) -> Response:
        if g.span is not None:
            g.span.set_attributes({"http.response.status_code": response.status_code})
            if response.status_code >= 500:
                g.span.set_error(response.status)
            g.open_spans.enter_context(traces.span("send", {}))
            response.call_on_close(g.open_spans.pop_all().close)
        return response

    @app.teardown_request
    def abandon(_: BaseException | None) -> None:
        # Empty if there was a response.
        g.open_spans.close()
