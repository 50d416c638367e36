"""From decoded pictures to frames."""

from collections.abc import Callable, Iterable, Iterator

from ingest.frame import Frame
from ingest.picture import JpegEncoder
from ingest.source import Picture
from ingest.timing import Timed


def encoded(
    pictures: Iterable[Timed[Picture] | None],
    encoder: JpegEncoder,
    attributes: dict[str, str],
    now_us: Callable[[], int],
) -> Iterator[Frame | None]:
    """Encode pictures; now_us gives the wall clock in microseconds. A pause (None) is kept."""
    for timed in pictures:
        if timed is None:
            yield None
            continue
        picture = timed.picture
        captured_at_us = now_us()
        image, quality = encoder.encode(picture.frame, picture.orientation)
        width, height = picture.orientation.size(picture.frame.width, picture.frame.height)
        own = dict(attributes)
        if quality != encoder.quality:
            own["quality"] = str(quality)
        if timed.repaired:
            own["pts_repaired"] = timed.repaired
        yield Frame(
            frame_index=timed.index,
            pts_ns=timed.pts_ns,
            duration_ns=timed.duration_ns,
            width=width,
            height=height,
            encoding="JPEG",
            image=image,
            is_last=timed.is_last,
            captured_at_us=captured_at_us,
            ingested_at_us=now_us(),
            attributes=own,
        )
