"""How a worker's process gets its memory."""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)
_LARGEST_REUSED_BYTES = 32 << 20
_MOST_KEPT_BYTES = 256 << 20


def reuse_memory() -> None:
    """Keep the memory of one frame for the next, where the C library (glibc) can be told to.

    By default it gives a plane's pages back as soon as the plane is freed: having them zeroed
    anew for each frame of 1080p took longer than converting its colours.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST_REUSED_BYTES)
        libc.mallopt(_TRIM_THRESHOLD, _MOST_KEPT_BYTES)
