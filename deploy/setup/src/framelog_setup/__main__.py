"""`python -m framelog_setup`: sets the cluster up and says what was done, or exits 1 saying why.

`... archive` writes what an emptied registry is to be filled with to standard output; `... restore`
puts the schemas of the log back, `... restore --emptied` from such an archive at standard input.
It exits 3 where the registry must be emptied first.
"""

from __future__ import annotations

import os
import sys

from framelog_setup.errors import SetupError
from framelog_setup.restore import NotEmptyError, archived, restore
from framelog_setup.run import set_up
from framelog_setup.settings import from_environment

NOT_EMPTY = 3


def main() -> int:
    """Return the exit code."""
    command = sys.argv[1:]
    try:
        settings = from_environment(os.environ)
        if command == ["archive"]:
            archive = archived(settings)
            sys.stdout.buffer.write(archive.data)
            sys.stderr.writelines(f"{line}\n" for line in archive.lines)
            return 0
        if command == ["restore"]:
            lines = restore(settings)
        elif command == ["restore", "--emptied"]:
            lines = restore(settings, sys.stdin.buffer.read())
        elif not command:
            lines = set_up(settings)
        else:
            sys.stderr.write("usage: python -m framelog_setup [archive | restore [--emptied]]\n")
            return 2
    except NotEmptyError as error:
        sys.stderr.write(f"{error}\n")
        return NOT_EMPTY
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
