"""FFmpeg writing JPEG files, at the quality of ingest's own."""

from __future__ import annotations

import shutil
import subprocess
import time
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

import av
import cv2
import numpy
from ingest.encode.image_encoders import encoder
from ingest.media.picture_source import Picture
from ingest.model.choices import Choices

from bench.ingest.service import AS_WORKERS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.load.films import Image

_SCALES = range(2, 12)  # of mjpeg's quantiser: 2 is the best
_LOOKED_AT = 12
# Left to itself, FFmpeg keeps BT.709's values, which a JPEG can't say: quick, but wrong colours.
_COMPARABLE = (
    *("-vf", "scale=in_color_matrix=bt709:out_color_matrix=bt601:out_range=full"),
    *("-frames:v", str(_LOOKED_AT)),
)


def jpegs_a_second(films: list[Path], frames: int, folder: Path) -> float:
    """Have one FFmpeg a film write its pictures to files, all at once; with its own threads."""
    scale = equal_scale(films[0], folder)
    began = time.monotonic()
    running = []
    for number, film in enumerate(films):
        target = folder / f"ffmpeg-{number}"
        target.mkdir()
        running.append(subprocess.Popen([*AS_WORKERS, *_command(film, scale, target)]))
    assert all(process.wait() == 0 for process in running)
    rate = len(films) * frames / (time.monotonic() - began)
    for number in range(len(films)):
        shutil.rmtree(folder / f"ffmpeg-{number}")
    return rate


@cache
def equal_scale(film: Path, folder: Path) -> int:
    """Return the quantiser's scale whose pictures are as near to the video as ingest's are."""
    encode = encoder(Choices(), 15 << 20).encode
    with av.open(str(film)) as container:
        frames = list(islice(container.decode(video=0), _LOOKED_AT))
    exact = [frame.to_ndarray(format="bgr24").astype(numpy.uint8) for frame in frames]
    wanted = _noise([encode(Picture(frame)).data for frame in frames], exact)
    found = {}
    for scale in _SCALES:
        target = folder / f"scale-{scale}"
        target.mkdir()
        subprocess.run(_command(film, scale, target, _COMPARABLE), check=True)
        images = [path.read_bytes() for path in sorted(target.iterdir())]
        found[scale] = abs(_noise(images, exact) - wanted)
        shutil.rmtree(target)
    return min(found, key=lambda scale: found[scale])


def _command(film: Path, scale: int, folder: Path, options: Sequence[str] = ()) -> list[str]:
    return [
        *("ffmpeg", "-nostdin", "-loglevel", "error", "-i", str(film)),
        *(*options, "-q:v", str(scale), str(folder / "%06d.jpg")),
    ]


def _noise(images: list[bytes], exact: list[Image]) -> float:
    """Return the mean squared error of images."""
    errors = []
    for image, picture in zip(images, exact, strict=True):
        shown = cv2.imdecode(numpy.frombuffer(image, numpy.uint8), cv2.IMREAD_COLOR)
        assert shown is not None
        errors.append(float(((shown.astype(float) - picture) ** 2).mean()))
    return sum(errors) / len(errors)
