"""Starts the ingest service, `python -m ingest`, or carries out one of its commands."""

import os
import sys

from framelog_service.environment import BadSetting

from ingest.api import command_line
from ingest.config.settings import Settings


def main() -> int:
    """Carry out the command, which is to run until told to stop if none is given.

    Each loads only what it needs: the service none of the decoders, which its workers have.
    Returns the exit status.
    """
    chosen = command_line.parse(sys.argv[1:])
    try:
        settings = Settings.from_environ(os.environ)
    except BadSetting as error:
        sys.stderr.write(f"ingest: {error}\n")
        return 2
    if chosen.command == "verify":
        from ingest.verify import verify  # noqa: PLC0415

        return verify.main(settings, chosen.stream, chosen.file)
    if chosen.command != "serve":
        return command_line.ask(settings, chosen)
    from ingest import wiring  # noqa: PLC0415

    return wiring.serve(settings)


if __name__ == "__main__":
    sys.exit(main())
