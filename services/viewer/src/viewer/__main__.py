"""Starts the viewer: `python -m viewer`."""

import os
import sys
import time

from framelog_service import logs
from framelog_service.environment import BadSetting
from framelog_service.log_repeats import Repeats

from viewer.config.settings import Settings
from viewer.web.server import ViewerServer
from viewer.wiring import assemble

# People wait for the viewer's pages, so its log repeats a lasting fault early and often.
_SHORTEST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 60.0


def main() -> None:
    """Read the settings and serve until told to stop."""
    try:
        settings = Settings.from_environ(os.environ)
    except BadSetting as error:
        sys.exit(str(error))
    repeats = Repeats(time.monotonic, _SHORTEST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
    logs.set_up(settings.log_level, settings.log_format, repeats)
    # gunicorn would read its own arguments from this variable.
    os.environ.pop("GUNICORN_CMD_ARGS", None)
    ViewerServer(settings, assemble).run()


if __name__ == "__main__":
    main()
