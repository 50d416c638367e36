"""Lowers the quality of a JPEG or WebP that would be larger than a frame may be."""

from collections.abc import Callable

_LOWEST = 1


def encode_to_fit(
    largest_bytes: int, quality: int, encode: Callable[[int], bytes]
) -> tuple[bytes, int]:
    """Return the image, and the quality at which it was encoded.

    While the image is larger than largest_bytes, the quality is lowered to three quarters. At the
    lowest quality, 1, the image may still be too large.
    """
    while True:
        data = encode(quality)
        if len(data) <= largest_bytes or quality == _LOWEST:
            return data, quality
        quality = max(_LOWEST, quality * 3 // 4)
