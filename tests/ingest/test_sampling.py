"""Fewer frames than the video has, each still at its own time."""

from fractions import Fraction

import pytest
from ingest.model.sampling import sampled, sampled_count
from ingest.model.timing import Stamped, Timed, timed

MS = 1_000_000


def video(*times_ms: int, nominal_ms: int = 40) -> list[Timed[int]]:
    stamped = [Stamped(number, Fraction(at, 1000), None) for number, at in enumerate(times_ms)]
    return list(timed(stamped, Fraction(nominal_ms, 1000)))


def test_nothing_is_changed_unless_asked() -> None:
    whole = video(0, 40, 80)
    assert list(sampled(whole, 1, None)) == whole


def test_each_nth_is_sent_from_the_first_on() -> None:
    picked = list(sampled(video(*range(0, 400, 40)), 3, None))
    assert [p.picture for p in picked] == [0, 3, 6, 9]
    assert [p.index for p in picked] == [0, 1, 2, 3]
    assert [p.pts_ns for p in picked] == [0, 120 * MS, 240 * MS, 360 * MS]
    assert [p.duration_ns for p in picked] == [120 * MS, 120 * MS, 120 * MS, 40 * MS]
    assert [p.is_last for p in picked] == [False, False, False, True]


def test_what_is_left_lasts_to_the_videos_end() -> None:
    picked = list(sampled(video(*range(0, 400, 40)), 7, None))
    assert [(p.picture, p.duration_ns) for p in picked] == [(0, 280 * MS), (7, 120 * MS)]


@pytest.mark.parametrize(
    ("rate", "pictures"),
    [
        (Fraction(25), list(range(25))),
        (Fraction(5), [0, 5, 10, 15, 20]),
        (Fraction(10), [0, 3, 5, 8, 10, 13, 15, 18, 20, 23]),
        (Fraction(1), [0]),
        (Fraction(100), list(range(25))),
    ],
)
def test_a_rate_takes_the_first_picture_of_each_step(rate: Fraction, pictures: list[int]) -> None:
    picked = list(sampled(video(*range(0, 1000, 40)), 1, rate))
    assert [p.picture for p in picked] == pictures
    assert [p.index for p in picked] == list(range(len(pictures)))


@pytest.mark.parametrize("frame_rate", [Fraction(25), Fraction(30_000, 1001), None])
@pytest.mark.parametrize(
    ("every_nth", "rate"),
    [(1, None), (2, None), (7, None), (1000, None), (1, Fraction(10)), (1, Fraction(1, 2)),
     (1, Fraction(100))],
)  # fmt: skip
def test_how_many_are_picked_is_known_before(
    frame_rate: Fraction | None, every_nth: int, rate: Fraction | None
) -> None:
    stamped = [Stamped(n, n / (frame_rate or Fraction(25)), None) for n in range(101)]
    picked = list(sampled(timed(stamped, Fraction(1, 25)), every_nth, rate))
    expected = sampled_count(101, frame_rate, every_nth, rate)
    if frame_rate is None and rate is not None:
        assert expected == 101  # nothing tells
    else:
        assert abs(len(picked) - expected) <= 1


def test_times_cut_to_milliseconds_lose_no_frame_at_their_own_rate() -> None:
    thirty = [round(number * 1000 / 30) for number in range(90)]
    assert len(list(sampled(video(*thirty), 1, Fraction(30)))) == 90
    assert len(list(sampled(video(*thirty), 1, Fraction(10)))) == 30


def test_a_slow_video_is_not_filled_up() -> None:
    picked = list(sampled(video(0, 5000, 10_000), 1, Fraction(25)))
    assert [p.pts_ns for p in picked] == [0, 5000 * MS, 10_000 * MS]


def test_an_empty_video_stays_empty() -> None:
    assert list(sampled([], 2, None)) == []
