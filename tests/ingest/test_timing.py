"""Presentation times: exact to the nanosecond, growing, without gaps."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

import pytest
from ingest.timing import Stamped, Timed, timed

PAL = Fraction(1, 25)
NTSC = Fraction(1001, 30_000)
MS = 1_000_000


def stamped(*times_ms: int | None, duration_ms: int | None = None) -> list[Stamped[int]]:
    """Make pictures that are their own numbers, with the container's times in milliseconds."""
    duration = None if duration_ms is None else Fraction(duration_ms, 1000)
    return [
        Stamped(number, None if ms is None else Fraction(ms, 1000), duration)
        for number, ms in enumerate(times_ms)
    ]


def times_ms(pictures: Iterable[Stamped[int]], nominal: Fraction = PAL) -> list[float]:
    return [picture.pts_ns / MS for picture in timed(pictures, nominal)]


def placed(*times: int | None) -> list[Timed[int]]:
    return list(timed(stamped(*times), PAL))


def test_no_picture_gives_none() -> None:
    assert placed() == []


def test_pictures_keep_their_order_and_are_numbered_from_0() -> None:
    pictures = placed(0, 40, 80)
    assert [p.picture for p in pictures] == [0, 1, 2]
    assert [p.index for p in pictures] == [0, 1, 2]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_last_picture_alone_is_last(count: int) -> None:
    flags = [p.is_last for p in placed(*range(0, count * 40, 40))]
    assert flags == [False] * (count - 1) + [True]


@pytest.mark.parametrize("start", [0, 7, 36_000_000, -80])
def test_times_count_from_the_first_picture(start: int) -> None:
    assert times_ms(stamped(start, start + 40, start + 90)) == [0, 40, 90]


def test_ntsc_times_are_exact_to_the_nanosecond_for_hours() -> None:
    every = 997  # of the pictures of ten hours, to have them quickly
    pictures = (Stamped(n, n * NTSC, NTSC) for n in range(0, 1_080_000, every))
    for picture in timed(pictures, NTSC):
        assert abs(picture.pts_ns * 30_000 - picture.picture * 1001 * 10**9) <= 15_000
        assert picture.repaired is None
    assert picture.pts_ns > 35_999 * 10**9


def test_durations_leave_no_gap() -> None:
    pictures = [Stamped(n, n * NTSC, NTSC) for n in range(100)]
    end = 0
    for picture in timed(pictures, NTSC):
        assert picture.pts_ns == end
        end = picture.pts_ns + picture.duration_ns
    assert end == round(100 * NTSC * 10**9)


def test_a_picture_lasts_until_the_next() -> None:
    assert [p.duration_ns / MS for p in placed(0, 40, 1000, 1001)] == [40, 960, 1, 40]


def test_the_last_picture_lasts_as_the_container_says_or_nominally() -> None:
    *_, last = timed(stamped(0, 40, duration_ms=500), PAL)
    assert last.duration_ns == 500 * MS
    *_, last = timed(stamped(0, 40), PAL)
    assert last.duration_ns == 40 * MS


@pytest.mark.parametrize("duration", [0, -5])
def test_the_last_picture_lasts_longer_than_nothing(duration: int) -> None:
    *_, last = timed(stamped(0, 40, duration_ms=duration), PAL)
    assert last.duration_ns == 1


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        pytest.param((0, None, 80), [0, 40, 80], id="one without a time"),
        pytest.param((None, None, None), [0, 40, 80], id="none has a time"),
        pytest.param((None, 40, 80), [0, 40, 80], id="the first has none"),
        pytest.param((None, 5000, 5100), [0, 40, 140], id="the first has none, and it starts late"),
        pytest.param((0, 0, 0), [0, 40, 80], id="all equal"),
        pytest.param((0, 40, 40, 120), [0, 40, 80, 120], id="one equal"),
        pytest.param((0, 40, 20, 160), [0, 40, 80, 160], id="one goes back"),
        pytest.param((0, 1000, 40, 1041), [0, 1000, 1040, 1041], id="a jump that is undone"),
    ],
)
def test_times_that_are_missing_or_do_not_grow_are_replaced(
    times: tuple[int | None, ...], expected: list[float]
) -> None:
    assert times_ms(stamped(*times)) == expected


def test_only_a_replaced_time_says_why() -> None:
    reasons = [p.repaired for p in placed(0, None, 80, 80, 160)]
    assert reasons == [
        None,
        "the container states no time",
        None,
        "the container's time is not after the frame before",
        None,
    ]
    assert [p.repaired for p in placed(None, 40, 80)] == [
        "the container states no time",
        None,
        None,
    ]


def test_any_times_come_out_growing() -> None:
    wild = [7, None, 3, 3, -900, 10**7, None, 0, 10**7 + 1, 10**7 + 1]
    pictures = placed(*wild)
    ends = [0, *(p.pts_ns + p.duration_ns for p in pictures)]
    assert [p.pts_ns for p in pictures] == ends[:-1]
    assert min(p.duration_ns for p in pictures) > 0


def test_a_nominal_time_below_a_nanosecond_still_grows() -> None:
    assert [p.pts_ns for p in timed(stamped(0, 0, 0), Fraction(1, 10**12))] == [0, 1, 2]


def test_a_picture_is_given_out_as_soon_as_the_next_is_known() -> None:
    taken = []

    def source() -> Iterator[Stamped[int]]:
        for picture in stamped(0, 40, 80):
            taken.append(picture.picture)
            yield picture

    assert next(timed(source(), PAL)).picture == 0
    assert taken == [0, 1]
