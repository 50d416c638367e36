"""The command line, `python -m ingest COMMAND`: sends commands to the running service."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

from ingest.config.settings import Settings
from ingest.model.wording import printable

_ANSWER_SECONDS = 120.0
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  (recognised, not bound)
_UNITS = ("B", "kB", "MB", "GB", "TB")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the parsed command; exits with status 2 and the usage if it is invalid."""
    parser = argparse.ArgumentParser(
        "framelog-ingest", description="Publishes every frame of every video in a folder to Kafka."
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("serve", help="run the service (so does no command)")
    files = commands.add_parser("files", help="list files: state, progress, reason")
    files.add_argument("--newest", type=int, default=100, help="list at most so many of each state")
    retry = commands.add_parser("retry", help="move a file of failed/ back to incoming/")
    retry.add_argument("name", metavar="NAME", type=printable)
    for command, what in (
        ("reprocess", "send an ended stream again, as a new run"),
        ("forget", "remove an ended stream from the catalogue and the index"),
    ):
        of_stream = commands.add_parser(command, help=what)
        of_stream.add_argument("name", metavar="STREAM_ID", type=printable)
    commands.add_parser("pause", help="take no new files; files being processed continue")
    commands.add_parser("resume", help="take new files again")
    verify = commands.add_parser("verify", help="read the log back, and check that it is complete")
    verify.add_argument("stream", metavar="STREAM_ID|all")
    verify.add_argument("--file", type=Path, help="the video file, to compare its frames too")
    chosen = parser.parse_args(arguments)
    chosen.command = chosen.command or "serve"
    if chosen.command == "verify" and chosen.stream == "all" and chosen.file is not None:
        parser.error("--file needs one stream's id, not all")
    return chosen


def ask(settings: Settings, chosen: argparse.Namespace) -> int:
    """Send a command to the running service, and print its answer.

    Returns the exit status: 0, 1 if the service refuses, 2 if no service answers.
    """
    method, path, show = _request(chosen)
    host = _WILDCARDS.get(settings.host, settings.host)
    url = f"http://{host}:{settings.port}/api/{path}"
    try:
        # Without proxies: those of the environment are for the web.
        opener = build_opener(ProxyHandler({}))
        request = Request(url, method=method)
        if method != "GET":
            request.add_header("Content-Type", "application/json")
        if settings.token is not None:
            # Another program on this port may redirect: do not send the token along.
            request.add_unredirected_header("Authorization", f"Bearer {settings.token.value}")
        with opener.open(request, timeout=_ANSWER_SECONDS) as answer:
            sys.stdout.write(show(json.load(answer)))
            return 0
    except HTTPError as error:
        sys.stderr.write(f"{_sentence(error)}\n")
        return 1
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        sys.stderr.write(
            f"No ingest answers at {url} ({reason}): check that it runs, and that it has the same "
            "FRAMELOG_INGEST_HOST and FRAMELOG_INGEST_PORT.\n"
        )
        return 2


def _request(chosen: argparse.Namespace) -> tuple[str, str, Callable[[Mapping[str, Any]], str]]:
    name = quote(getattr(chosen, "name", ""), safe="")
    match chosen.command:
        case "files":
            return "GET", f"files?newest={chosen.newest}", listing
        case "retry":
            return "POST", f"files/{name}/retry", _message
        case "reprocess":
            return "POST", f"streams/{name}/reprocess", _message
        case "forget":
            return "DELETE", f"streams/{name}", _message
        case intake:
            return "POST", f"intake/{intake}", _message


def listing(answer: Mapping[str, Any]) -> str:
    """Return the list of files as lines for people."""
    lines = ["Intake is paused: ingest takes no new files."] if answer["paused"] else []
    for file in answer["files"]:
        words = [f"{file['state']:<9}", plain(file["name"]), size(file["bytes"])]
        if file["frame_count"] is not None:
            estimate = file["estimated_frame_count"]
            words.append(f"{file['frame_count']} of {estimate or '?'} frames")
        words += [plain(file[key]) for key in ("stream_id", "reason") if file[key]]
        lines.append("  ".join(words))
    lines.append(", ".join(f"{count} {state}" for state, count in answer["totals"].items()))
    return "\n".join(lines) + "\n"


def plain(text: str) -> str:
    """Return text without control characters: it can't control a terminal or fake a line."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def size(count: float) -> str:
    """Return a number of bytes for people."""
    power = 0
    while count >= 1000 and power < len(_UNITS) - 1:
        count, power = count / 1000, power + 1
    return f"{count:.1f} {_UNITS[power]}" if power else f"{count} B"


def _message(answer: Mapping[str, Any]) -> str:
    return f"{plain(str(answer['message']))}\n"


def _sentence(error: HTTPError) -> str:
    try:
        return plain(str(json.load(error)["error"]))
    except (ValueError, KeyError, TypeError):
        return f"The service answers {error.code}."
