"""`python -m framelog_setup`: sets the cluster up and says what was done, or exits 1 saying why."""

from __future__ import annotations

import os
import sys

from framelog_setup.errors import SetupError
from framelog_setup.run import set_up
from framelog_setup.settings import from_environment


def main() -> int:
    """Return the exit code."""
    try:
        lines = set_up(from_environment(os.environ))
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
