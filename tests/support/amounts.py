"""How much a long test does: little in CI, more where a variable asks for it."""

import os


def amount(name: str, default: int) -> int:
    """Return the number in the variable FRAMELOG_TEST_<name>."""
    return int(os.environ.get(f"FRAMELOG_TEST_{name}", default))
