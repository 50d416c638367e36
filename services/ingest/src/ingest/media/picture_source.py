"""The interface of a picture source, and the pictures that it yields."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from av.video.frame import VideoFrame

from ingest.media.container_end.end_status import End
from ingest.model.choices import Choices
from ingest.model.timing import Stamped
from ingest.model.video_description import Description
from ingest.pixels.orientation import UPRIGHT, Orientation


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded frame, not rotated yet."""

    frame: VideoFrame
    orientation: Orientation = UPRIGHT
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """A picture that is a whole JPEG in the source, and is sent unchanged."""

    image: bytes
    width: int
    height: int
    attributes: dict[str, str] = field(default_factory=dict)


Pictured = Stamped[Picture | CodedPicture]


@dataclass(frozen=True)
class Limits:
    """The limits of decoding."""

    decoder_threads: int
    largest_pixels: int


class PictureSource(Protocol):
    """An open file whose pictures can be read once, from the first."""

    @property
    def end(self) -> End:
        """Whether the file is whole, as far as is known before all is decoded."""

    def nominal(self, choices: Choices) -> Fraction:
        """Return the seconds for which a picture is shown if the file does not say."""

    def describe(self, choices: Choices) -> Description:
        """Return the description, from the headers and the first picture."""

    def pictures(self, choices: Choices) -> Iterator[Pictured]:
        """Yield every picture that can be decoded, in presentation order.

        Never raises because of the file's content: shortfall says afterwards what was missing.
        """

    def shortfall(self) -> str | None:
        """Return, once pictures has ended, a sentence on what is missing; None if nothing is."""
