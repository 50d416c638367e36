"""Sentences with numbers in them."""


def worded(count: int, one: str, many: str) -> str:
    """Return one where count is 1, and else many."""
    return one if count == 1 else many
