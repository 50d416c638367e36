"""Pictures that carry a number which survives scaling, colour conversion and lossy encoding."""

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

BITS = 16
_BAND = 0.15


def paint(number: int, width: int, height: int) -> Picture:
    """Return a picture, BGR, of moving detail, with number in white and black blocks below."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    phase = number * 0.1
    picture = np.stack(
        [
            128 + 90 * np.sin(columns / 37 + phase),
            128 + 90 * np.sin(rows / 29 - phase),
            128 + 90 * np.sin((rows + columns) / 53 + phase / 2),
        ],
        axis=-1,
    ).astype(np.uint8)
    band = max(2, int(height * _BAND))
    edges = np.linspace(0, width, BITS + 1).astype(int)
    for bit in range(BITS):
        white = number >> (BITS - 1 - bit) & 1
        picture[-band:, edges[bit] : edges[bit + 1]] = 255 if white else 0
    return picture


def read(picture: Picture) -> int:
    """Return the number painted into picture, shape (height, width, 3)."""
    height, width = picture.shape[:2]
    row = height - max(1, int(height * _BAND / 2))
    columns = ((np.arange(BITS) + 0.5) * width / BITS).astype(int)
    number = 0
    for bright in picture[row, columns, 1] > 127:
        number = number * 2 + int(bright)
    return number


def decode(image: bytes) -> Picture:
    """Return the pixels of an encoded image, BGR."""
    pixels = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None, "not an image"
    return pixels.astype(np.uint8)
