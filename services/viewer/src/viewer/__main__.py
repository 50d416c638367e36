"""Starts the viewer: `python -m viewer`."""

import os
import sys

from viewer.config.environment import SettingsError
from viewer.config.settings import Settings
from viewer.telemetry import logs
from viewer.web.server import ViewerServer
from viewer.wiring import assemble


def main() -> None:
    """Read the settings and serve until told to stop."""
    try:
        settings = Settings.from_environ(os.environ)
    except SettingsError as error:
        sys.exit(str(error))
    logs.set_up(settings.log_level, settings.log_format)
    # gunicorn reads arguments of its own from here.
    os.environ.pop("GUNICORN_CMD_ARGS", None)
    ViewerServer(settings, assemble).run()


if __name__ == "__main__":
    main()
