"""What the commands tell the person: plain lines, on a terminal or not."""

import os
import sys


def say(line: str) -> None:
    """Print a line at once. A reader that has gone away, as in `| head`, stops nothing."""
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
