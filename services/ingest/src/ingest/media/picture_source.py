"""What a source of pictures gives out."""

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
    """A decoded frame, not yet turned."""

    frame: VideoFrame
    orientation: Orientation = UPRIGHT
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """A picture that the source holds as a whole JPEG, and that is sent as it is."""

    image: bytes
    width: int
    height: int
    attributes: dict[str, str] = field(default_factory=dict)


Pictured = Stamped[Picture | CodedPicture]


@dataclass(frozen=True)
class Limits:
    """What a source may ask of the machine."""

    decoder_threads: int
    largest_pixels: int


class PictureSource(Protocol):
    """A file that is open, whose pictures can be taken once, from the first."""

    @property
    def end(self) -> End:
        """Whether the file is whole, as far as can be told before all is decoded."""

    def nominal(self, choices: Choices) -> Fraction:
        """Return for how many seconds a picture is shown where the file does not say."""

    def describe(self, choices: Choices) -> Description:
        """Return what is known before the rest is decoded."""

    def pictures(self, choices: Choices) -> Iterator[Pictured]:
        """Yield every picture that can be decoded, in presentation order.

        Never raises for what is in the file: shortfall tells, afterwards, what was missing.
        """

    def shortfall(self) -> str | None:
        """Return, once pictures has ended, a sentence on what is missing; None if nothing is."""
