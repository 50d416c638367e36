"""Makes frames from pictures; JPEGs that are small enough pass unchanged."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping

from ingest.encode.image_encoders import Encoder, Image
from ingest.media.decoders import decode_image
from ingest.media.picture_source import CodedPicture, Picture
from ingest.model.frame import Frame
from ingest.model.timing import Timed
from ingest.pixels import colour_conversion, tone_mapping

log = logging.getLogger(__name__)


class Encoding:
    """A stage of the pipeline: pictures in, frames out.

    A JPEG of the source is sent unchanged if it is small enough. Otherwise, if lower_oversize
    allows, it is decoded and encoded again at a lower quality. It ends early if a picture can't
    be encoded, or not small enough; failure then says so.
    """

    def __init__(
        self,
        encoder: Encoder,
        encoding: str,
        largest_bytes: int,
        *,
        lower_oversize: bool,
        attributes: Mapping[str, str],
        now_us: Callable[[], int],
    ) -> None:
        """Take the encoder, and what all frames share; now_us is the wall clock."""
        self.failure: str | None = None
        self._encoder = encoder
        self._encoding = encoding
        self._largest_bytes = largest_bytes
        self._lower_oversize = lower_oversize
        self._attributes = dict(attributes)
        self._now_us = now_us

    def frames(
        self, pictures: Iterable[Timed[Picture | CodedPicture] | None]
    ) -> Iterator[Frame | None]:
        """Encode pictures. A pause (None) is kept."""
        for timed in pictures:
            if timed is None:
                yield None
                continue
            captured_at_us = self._now_us()
            try:
                image, attributes = self._image(timed.picture)
            except MemoryError:
                raise
            except Exception as error:
                log.exception("event=not_encoded frame=%d", timed.index)
                self.failure = (
                    f"Frame {timed.index} can't be made a {self._encoding}: "
                    f"{type(error).__name__}, {error}."
                )
                return
            lowered = image.quality != self._encoder.quality and image.quality is not None
            if len(image.data) > self._largest_bytes or (lowered and not self._lower_oversize):
                self.failure = (
                    f"Frame {timed.index} is larger than a frame may be, "
                    f"{self._largest_bytes} bytes, as {self._encoding}."
                )
                return
            if lowered:
                attributes["quality"] = str(image.quality)
            if timed.repaired:
                attributes["pts_repaired"] = timed.repaired
            yield Frame(
                frame_index=timed.index,
                pts_ns=timed.pts_ns,
                duration_ns=timed.duration_ns,
                width=image.width,
                height=image.height,
                encoding=self._encoding,
                image=image.data,
                is_last=timed.is_last,
                captured_at_us=captured_at_us,
                ingested_at_us=self._now_us(),
                attributes=attributes,
            )

    def _image(self, picture: Picture | CodedPicture) -> tuple[Image, dict[str, str]]:
        attributes = dict(self._attributes)
        if isinstance(picture, CodedPicture):
            if len(picture.image) > self._largest_bytes and self._lower_oversize:
                return self._lowered(picture, attributes)
            image = Image(picture.image, picture.width, picture.height, None)
            return image, attributes | picture.attributes
        if (curve := tone_mapping.curve(picture.frame)) is not None:
            attributes["tone_mapped"] = curve
        if (shown := colour_conversion.approximation(picture.frame)) is not None:
            attributes["colour_matrix"] = shown
        return self._encoder.encode(picture), attributes | picture.attributes

    def _lowered(
        self, coded: CodedPicture, attributes: dict[str, str]
    ) -> tuple[Image, dict[str, str]]:
        """Encode an oversized JPEG again. Its new quality is always stated."""
        picture = Picture(decode_image(coded.image, "JPEG"))
        image = self._encoder.encode(picture)
        return image, attributes | coded.attributes | {"quality": str(image.quality)}
