"""How much may lie in one folder or ZIP file: all of it is named, sorted and looked at."""

MOST_ENTRIES = 200_000
MOST_DEPTH = 32
MOST_DIRECTORY_BYTES = 32 << 20
MOST_UNPACKED_BYTES = 1 << 40
