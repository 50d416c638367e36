"""A stream's state, how each transaction changes it, and how it ends."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ingest.model.choices import DEFAULT_QUALITY, Choices
from ingest.model.frame import Frame
from ingest.model.sampling import sampled_count
from ingest.model.video_description import Description


class State(enum.Enum):
    """The state of a stream; schemas/stream.avsc has the meanings."""

    INGESTING = "INGESTING"
    COMPLETE = "COMPLETE"
    TRUNCATED = "TRUNCATED"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Placement:
    """Where a batch's frames were written: one offset for each frame, in order.

    topic_id: Kafka's id of the topic; None if it is unknown.
    """

    partition: int
    offsets: Sequence[int]
    topic_id: str | None = None


@dataclass(frozen=True)
class Segment:
    """One row of the index; fields as in schemas/segment.avsc."""

    stream_id: str
    run_id: str
    segment_number: int
    partition: int
    first_frame: int
    offsets: Sequence[int]
    pts_ns: Sequence[int]
    sizes_bytes: Sequence[int]
    end_pts_ns: int


@dataclass(frozen=True)
class Stream:
    """One video's state; fields as in schemas/stream.avsc, times in microseconds."""

    stream_id: str
    run_id: str
    state: State
    source_name: str
    source_bytes: int
    fingerprint: str
    content_sha256: str | None
    container: str
    codec: str
    width: int
    height: int
    rotation: int
    sample_aspect_num: int
    sample_aspect_den: int
    frame_rate_num: int
    frame_rate_den: int
    frame_count: int
    estimated_frame_count: int | None
    segment_count: int
    duration_ns: int
    bytes: int
    partition: int | None
    first_offset: int | None
    last_offset: int | None
    frames_topic_id: str | None
    pace: str
    encoding: str
    quality: int | None
    choices: Mapping[str, str]
    digest: str | None
    error: str | None
    started_at_us: int
    updated_at_us: int
    ended_at_us: int | None

    @classmethod
    def begin(
        cls,
        description: Description,
        *,
        stream_id: str,
        run_id: str,
        source_name: str,
        source_bytes: int,
        fingerprint: str,
        choices: Choices,
        now_us: int,
        content_sha256: str | None = None,
    ) -> "Stream":
        """Return the state of a new run, before its first frame."""
        rate, estimated = description.frame_rate, description.estimated_frame_count
        if estimated is not None:
            estimated = sampled_count(estimated, rate, choices.every_nth, choices.rate)
        named = choices.named()
        return cls(
            stream_id=stream_id,
            run_id=run_id,
            state=State.INGESTING,
            source_name=source_name,
            source_bytes=source_bytes,
            fingerprint=fingerprint,
            content_sha256=content_sha256,
            container=description.container,
            codec=description.codec,
            width=description.width,
            height=description.height,
            rotation=description.rotation,
            sample_aspect_num=description.sample_aspect.numerator,
            sample_aspect_den=description.sample_aspect.denominator,
            frame_rate_num=rate.numerator if rate else 0,
            frame_rate_den=rate.denominator if rate else 1,
            frame_count=0,
            estimated_frame_count=estimated,
            segment_count=0,
            duration_ns=0,
            bytes=0,
            partition=None,
            first_offset=None,
            last_offset=None,
            frames_topic_id=None,
            pace=named["pace"],
            encoding=choices.encoding,
            quality=None if choices.encoding == "PNG" else choices.quality or DEFAULT_QUALITY,
            choices=named,
            digest=None,
            error=None,
            started_at_us=now_us,
            updated_at_us=now_us,
            ended_at_us=None,
        )

    @property
    def ended(self) -> bool:
        """Whether no more frames will come."""
        return self.state is not State.INGESTING

    @property
    def holds_frames(self) -> bool:
        """Whether the log has this content already, or receives it."""
        return self.state is not State.FAILED

    def again(self, fresh: "Stream") -> "Stream":
        """Return fresh, the state of a new run of this content, under this stream's id."""
        return replace(fresh, stream_id=self.stream_id)

    def with_batch(self, batch: Sequence[Frame], placement: Placement, now_us: int) -> "Stream":
        """Return the state after batch has been written at placement."""
        return replace(
            self,
            frame_count=self.frame_count + len(batch),
            segment_count=self.segment_count + 1,
            duration_ns=batch[-1].end_pts_ns,
            bytes=self.bytes + sum(len(frame.image) for frame in batch),
            partition=placement.partition,
            first_offset=placement.offsets[0] if self.first_offset is None else self.first_offset,
            last_offset=placement.offsets[-1],
            frames_topic_id=placement.topic_id or self.frames_topic_id,
            updated_at_us=now_us,
        )

    def with_end(self, digest: str | None, error: str | None, now_us: int) -> "Stream":
        """Return the final state: COMPLETE, or with an error TRUNCATED, or FAILED without frames.

        error: a sentence on what of the video is missing; None if nothing is.
        """
        if error is None:
            state = State.COMPLETE
        else:
            state = State.TRUNCATED if self.frame_count else State.FAILED
        return replace(
            self,
            state=state,
            digest=digest,
            error=error,
            updated_at_us=now_us,
            ended_at_us=now_us,
        )

    def segment(self, batch: Sequence[Frame], placement: Placement) -> Segment:
        """Return the index row of a batch that continues this state."""
        return Segment(
            stream_id=self.stream_id,
            run_id=self.run_id,
            segment_number=self.segment_count,
            partition=placement.partition,
            first_frame=batch[0].frame_index,
            offsets=_delta_coded(placement.offsets),
            pts_ns=_delta_coded([frame.pts_ns for frame in batch]),
            sizes_bytes=[len(frame.image) for frame in batch],
            end_pts_ns=batch[-1].end_pts_ns,
        )


def _delta_coded(values: Sequence[int]) -> list[int]:
    """Return the first value and then the differences: small numbers, so few bytes in Avro."""
    return [values[0], *(later - earlier for earlier, later in pairwise(values))]
