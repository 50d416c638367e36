"""What a video's headers and first frame tell."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Description:
    """Sizes in pixels, rotation applied (clockwise degrees); names as FFmpeg's."""

    container: str = ""
    codec: str = ""
    width: int = 0
    height: int = 0
    rotation: int = 0
    sample_aspect: Fraction = Fraction(1)
    frame_rate: Fraction | None = None
    estimated_frame_count: int | None = None


NOTHING_KNOWN = Description()
