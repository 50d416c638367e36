"""Text for people: names that may be no Unicode, and sentences with numbers."""


def worded(count: int, one: str, many: str) -> str:
    """Return one where count is 1, and else many."""
    return one if count == 1 else many


def printable(name: str) -> str:
    """Return a file's name as valid Unicode, with U+FFFD for bytes that are no UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
