"""Frames gathered into the batches that one transaction commits."""

from collections.abc import Iterable, Iterator

import pytest
from ingest.model.frame import BatchLimits, Frame, batches, first_alone

from tests.ingest.builders import frame
from tests.ingest.clock import FakeClock

UNLIMITED = BatchLimits(frames=10**6, bytes=10**9, seconds=10**6)


def indices(
    frames: Iterable[Frame | None], limits: BatchLimits, clock: FakeClock | None = None
) -> list[list[int]]:
    gathered = batches(frames, limits, clock or FakeClock())
    return [[frame.frame_index for frame in batch] for batch in gathered]


def limited(**limits: float) -> BatchLimits:
    return BatchLimits(**{**UNLIMITED.__dict__, **limits})


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, []), (1, [[0]]), (3, [[0, 1, 2]]), (4, [[0, 1, 2], [3]]), (6, [[0, 1, 2], [3, 4, 5]])],
)
def test_a_batch_ends_at_its_count(count: int, expected: list[list[int]]) -> None:
    assert indices(map(frame, range(count)), limited(frames=3)) == expected


def test_a_batch_ends_with_the_frame_that_reaches_its_bytes() -> None:
    frames = [frame(i, image=bytes(40)) for i in range(5)]
    assert indices(frames, limited(bytes=80)) == [[0, 1], [2, 3], [4]]
    assert indices(frames, limited(bytes=81)) == [[0, 1, 2], [3, 4]]


def test_a_frame_above_the_limit_goes_alone() -> None:
    frames = [frame(i, image=bytes(100)) for i in range(2)]
    assert indices(frames, limited(bytes=10)) == [[0], [1]]


def test_a_batch_ends_when_it_is_old() -> None:
    clock = FakeClock()

    def slowly() -> Iterator[Frame]:
        for i in range(6):
            yield frame(i)
            clock.seconds += 0.25

    assert indices(slowly(), limited(seconds=0.5), clock) == [[0, 1, 2], [3, 4, 5]]


def test_age_counts_from_the_batchs_own_first_frame() -> None:
    clock = FakeClock()

    def after_a_long_wait() -> Iterator[Frame]:
        clock.seconds += 100
        yield frame(0)
        yield frame(1)

    assert indices(after_a_long_wait(), limited(seconds=0.5), clock) == [[0, 1]]


def test_what_is_gathered_is_sent_before_a_pause() -> None:
    frames = [None, frame(0), frame(1), None, None, frame(2), None]
    assert indices(frames, UNLIMITED) == [[0, 1], [2]]


def test_what_is_gathered_is_out_before_the_pause_begins() -> None:
    paused = False

    def source() -> Iterator[Frame | None]:
        nonlocal paused
        yield frame(0)
        yield None
        paused = True
        yield frame(1)

    gathered = batches(source(), UNLIMITED, FakeClock())
    assert [f.frame_index for f in next(gathered)] == [0]
    assert not paused


def test_the_last_frame_ends_its_batch_before_more_is_pulled() -> None:
    def source() -> Iterator[Frame]:
        yield frame(0)
        yield frame(1, is_last=True)
        raise AssertionError("pulled past the last frame")

    gathered = batches(source(), UNLIMITED, FakeClock())
    assert [f.frame_index for f in next(gathered)] == [0, 1]


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, [[0, 1, 2, 3]]), (1, [[0], [1, 2, 3]]), (3, [[0], [1], [2], [3]])],
)
def test_the_first_frames_may_be_sent_one_by_one(count: int, expected: list[list[int]]) -> None:
    frames = [frame(number) for number in range(4)]
    assert indices(first_alone(frames, count), UNLIMITED) == expected
    with_a_pause = [None, *frames]
    assert indices(first_alone(with_a_pause, count), UNLIMITED) == expected
