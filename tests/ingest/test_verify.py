"""What makes a stream whole: rules alone, on frames and segments made by hand."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from ingest.model.stream import Placement, Segment, Stream
from ingest.verify.consistency import Findings, Found, check
from ingest.verify.verify import result_line

from tests.ingest.builders import NOW_US, batched, fresh

COUNT, BATCH = 20, 6
PARTITION = 3


class Log:
    """A stream of 20 frames in 4 segments, at every second offset from 100 on."""

    def __init__(self) -> None:
        stream = fresh()
        self.frames: list[Found] = []
        self.segments: list[Segment] = []
        digest = hashlib.sha256()
        for batch in batched(COUNT, BATCH):
            offsets = [100 + 2 * frame.frame_index for frame in batch]
            placement = Placement(PARTITION, offsets)
            self.segments.append(stream.segment(batch, placement))
            for frame, offset in zip(batch, offsets, strict=True):
                digest.update(frame.image)
                self.frames.append(
                    Found(
                        offset,
                        stream.stream_id,
                        stream.run_id,
                        frame.frame_index,
                        frame.pts_ns,
                        frame.duration_ns,
                        frame.is_last,
                        frame.image,
                    )
                )
            stream = stream.with_batch(batch, placement, NOW_US)
        self.stream = stream.with_end(digest.hexdigest(), None, NOW_US)

    def check(self, begins_at: int = 0, index_begins_at: int = 0) -> Findings:
        findings = Findings()
        check(
            self.stream,
            iter(self.frames),
            iter(self.segments),
            findings,
            begins_at=begins_at,
            index_begins_at=index_begins_at,
        )
        return findings

    def line(self, begins_at: int = 0, index_begins_at: int = 0) -> str:
        return result_line(self.stream, self.check(begins_at, index_begins_at))


@pytest.fixture
def log() -> Log:
    return Log()


def test_a_whole_stream_is_ok(log: Log) -> None:
    assert log.check().differences == {}
    line = log.line()
    assert line.startswith(f"ok       {log.stream.stream_id}  COMPLETE  20 frames")
    assert line.endswith("partition 3, offsets 100 to 138")


def test_what_has_expired_is_not_missed(log: Log) -> None:
    del log.frames[:9]
    assert log.check(begins_at=117, index_begins_at=1).differences == {}
    line = log.line(begins_at=117, index_begins_at=1)
    assert line.startswith("expired  ")
    assert line.endswith("frames 9 to 19 of 20 are still there, and agree")
    assert log.line(begins_at=100).startswith("BAD")


def test_an_index_may_have_expired_before_or_after_its_frames(log: Log) -> None:
    del log.segments[:2]
    assert log.check(index_begins_at=7).differences == {}
    assert "missing" not in log.line(index_begins_at=7)
    assert log.line().startswith("BAD")
    log.frames = []
    assert log.line(begins_at=500, index_begins_at=7).endswith(
        "none of 20 frames is there any more"
    )


def test_what_is_left_after_expiry_must_still_agree(log: Log) -> None:
    del log.frames[:9]
    del log.frames[3]
    line = log.line(begins_at=117, index_begins_at=1)
    assert line.startswith("BAD")
    assert "frame 12 is missing before frame 13 (offset 126)" in line


def test_an_old_run_in_the_index_is_passed_over(log: Log) -> None:
    old = [replace(segment, run_id="b" * 32) for segment in log.segments]
    log.segments = [*old, *log.segments]
    assert log.check().differences == {}


def test_what_is_committed_meanwhile_is_passed_over(log: Log) -> None:
    whole = log.stream
    log.stream = replace(
        Log().stream, state=fresh().state, frame_count=12, segment_count=2, digest=None,
        bytes=sum(len(frame.image) for frame in log.frames[:12]),
        duration_ns=log.frames[12].pts_ns, last_offset=log.frames[11].offset,
    )  # fmt: skip
    log.frames = log.frames[:12]
    assert whole.frame_count == COUNT
    assert log.check().differences == {}
    assert "INGESTING  12 frames" in log.line()


def test_a_stream_that_failed_needs_no_frames() -> None:
    failed = fresh().with_end(None, "Nothing.", NOW_US)
    findings = Findings()
    check(failed, (), (), findings, begins_at=0, index_begins_at=0)
    assert findings.differences == {}


def frame(number: int, **changes: object) -> Callable[[Log], None]:
    def damage(log: Log) -> None:
        log.frames[number] = replace(log.frames[number], **changes)  # type: ignore[arg-type]

    return damage


def segment(number: int, **changes: object) -> Callable[[Log], None]:
    def damage(log: Log) -> None:
        log.segments[number] = replace(log.segments[number], **changes)  # type: ignore[arg-type]

    return damage


def catalogue(**changes: object) -> Callable[[Log], None]:
    def damage(log: Log) -> None:
        log.stream: Stream = replace(log.stream, **changes)  # type: ignore[arg-type, misc]

    return damage


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda log: log.frames.pop(7), "frame 7 is missing before frame 8 (offset 116)"),
        (lambda log: log.frames.pop(0), "frame 0 is missing before frame 1"),
        (lambda log: log.frames.pop(), "frame 19 is missing at the end"),
        (lambda log: log.frames.insert(8, log.frames[7]), "frame 7 is there again, at offset 114"),
        (lambda log: log.frames.reverse(), "missing"),
        (frame(4, run_id="b" * 32), f"a frame of run {'b' * 32} lies at offset 108"),
        (frame(4, stream_id="other"), "lies at offset 108"),
        (frame(4, image=b"x"), "index has size"),
        (frame(4, image=b"IMAGE of frame 4"), "digest"),
        (frame(4, pts_ns=0), "frame 4 (offset 108) is shown no later than the frame before"),
        (frame(0, pts_ns=1), "has pts_ns 1, not 0"),
        (frame(4, is_last=True), "frame 4 (offset 108) says that it is the last"),
        (frame(19, is_last=False), "frame 19 (offset 138) does not say that it is the last"),
        (frame(19, duration_ns=1), "duration_ns"),
        (frame(4, offset=109), "the index has offset 108 for frame 4 (offset 109)"),
        (segment(1, offsets=[113, 2, 2, 2, 2, 2]), "the index has offset 113 for frame 6"),
        (segment(1, pts_ns=[1, 1, 1, 1, 1, 1]), "the index has pts_ns 1 for frame 6"),
        (segment(1, sizes_bytes=[1] * 6), "the index has size 1 for frame 6"),
        (segment(1, sizes_bytes=[1] * 5), "arrays of different lengths"),
        (segment(1, first_frame=7), "segment 1 begins at frame 7, not 6"),
        (segment(1, partition=4), "segment 1 names partition 4"),
        (segment(1, run_id="b" * 32), "segment 2 comes where 1 belongs"),
        (segment(3, run_id="b" * 32), "the index has 3 segments, the catalogue counts 4"),
        (
            segment(3, offsets=[136, 2, 2], pts_ns=[1, 1, 1], sizes_bytes=[1, 1, 1]),
            "the index has frame 20, the log has not",
        ),
        (lambda log: log.segments.pop(0), "frame 0 (offset 100) is not in the index"),
        (lambda log: log.segments.insert(2, log.segments[1]), "segment 1 comes where 2 belongs"),
        (catalogue(digest="0" * 64), "digest"),
        (catalogue(bytes=1), "bytes"),
        (catalogue(frame_count=19), "frame_count is 19, the frames' is 20"),
        (catalogue(frame_count=21), "frame 20 is missing at the end"),
        (catalogue(first_offset=99), "first_offset is 99, the frames' is 100"),
        (catalogue(last_offset=139), "last_offset is 139, the frames' is 138"),
        (catalogue(segment_count=3), "frame 18 (offset 136) is not in the index"),
        (catalogue(segment_count=5), "the index has 4 segments, the catalogue counts 5"),
    ],
)
def test_what_differs_is_named_with_its_place(
    log: Log, damage: Callable[[Log], object], said: str
) -> None:
    damage(log)
    line = log.line()
    assert line.startswith("BAD")
    assert said in line


def test_a_forged_name_stays_in_its_line(log: Log) -> None:
    log.stream = replace(log.stream, stream_id="a\nok  b")
    assert len(log.line().splitlines()) == 1
