"""Presentation times: exact to the nanosecond, growing, without gaps."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest
from ingest.model.timing import Stamped, Timed, timed

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
        pytest.param((0, 1000, 40, 1041), [0, 1000, 1040, 1041], id="either may be wrong"),
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


@pytest.mark.parametrize(
    ("times", "offenders"),
    [
        pytest.param((0, 40, 80, 9000, 160, 200, 240), {3: 120}, id="a leap of one"),
        pytest.param((0, 40, 10**9, 120, 160, 200), {2: 80}, id="a far leap of one"),
        pytest.param((0, 40, 10**17, 120, 160, 200), {2: 80}, id="a leap beyond a long"),
        pytest.param((0, 40, -(10**17), 120, 160, 200), {2: 80}, id="as far back"),
        pytest.param((0, 40, 10**8, 10**8 + 40, 160, 200, 240), {2: 80, 3: 120}, id="two leap"),
        pytest.param((0, 40, 80, 20, 160, 200), {3: 120}, id="one goes back"),
        pytest.param((0, 40, 80, 0, 40, 200, 240), {3: 120, 4: 160}, id="two go back"),
        pytest.param((0, 40, 80, 80, 160, 200), {3: 120}, id="one repeats"),
        pytest.param((0, 40, 80, 80, 90, 130), {3: 85}, id="one repeats and there is little room"),
        pytest.param((0, 40, None, 120, 160), {2: 80}, id="one is missing"),
        pytest.param((0, 40, None, None, 46, 86), {2: 42, 3: 44}, id="two are, with little room"),
        pytest.param((10**8, 40, 80, 120, 160), {0: 0}, id="the first is far ahead"),
        pytest.param((40, 40, 80, 120, 160), {1: 20}, id="the first is repeated"),
        pytest.param((0, 40, 80, 10**12), {3: 120}, id="the last is years ahead"),
        pytest.param((0, 40, 80, -500), {3: 120}, id="the last goes back"),
    ],
)
def test_only_the_offending_pictures_are_repaired(
    times: tuple[int | None, ...], offenders: dict[int, int]
) -> None:
    pictures = placed(*times)
    start = next(ms for n, ms in enumerate(times) if ms is not None and n not in offenders)
    start -= 40 if 0 in offenders else 0
    wanted = [offenders.get(n, 0 if ms is None else ms - start) for n, ms in enumerate(times)]
    assert [p.pts_ns / MS for p in pictures] == wanted
    assert {p.index for p in pictures if p.repaired} == set(offenders)
    assert max(p.duration_ns for p in pictures) <= 80 * MS


@pytest.mark.parametrize("step_ms", [11_000, 3_600_000, 14 * 24 * 3_600_000])
def test_a_pause_stays_as_long_as_it_was(step_ms: int) -> None:
    times = [0, 40, 80, *(step_ms + n for n in (0, 40, 80)), *(2 * step_ms + n for n in (0, 40))]
    pictures = placed(*times)
    assert [p.pts_ns / MS for p in pictures] == times
    assert {p.repaired for p in pictures} == {None}
    assert {p.repaired for p in placed(0, step_ms)} == {None}


@pytest.mark.parametrize("anew_ms", [-(10**9), 0, 100, 10**12, 10**17])
def test_a_clock_that_begins_anew_is_followed_from_there(anew_ms: int) -> None:
    times = [*range(10_000, 10_400, 40), *range(anew_ms, anew_ms + 500, 50)]
    pictures = placed(*times)
    expected = [*range(0, 400, 40), *range(400, 900, 50)]
    assert [p.pts_ns / MS for p in pictures] == expected
    assert [(p.index, p.repaired) for p in pictures if p.repaired] == [
        (10, "the container's clock begins anew")
    ]


def test_a_clock_that_stands_still_and_goes_on_is_returned_to() -> None:
    pictures = placed(*[0] * 20, *range(1000, 1400, 40))
    assert [p.pts_ns / MS for p in pictures] == [*range(0, 800, 40), *range(1000, 1400, 40)]


def test_steps_of_68_years_are_none() -> None:
    """A MOV of a time scale of 1 whose samples last 2^31 - 1."""
    step = Fraction(2**31 - 1)
    pictures = list(timed((Stamped(n, n * step, step) for n in range(400)), PAL))
    assert [p.pts_ns for p in pictures] == [n * 40 * MS for n in range(400)]
    assert {p.duration_ns for p in pictures} == {40 * MS}
    assert [p.repaired for p in pictures[:2]] == [
        None,
        "the container's time is more than a year after the frame before",
    ]


def test_steps_of_a_year_fit_into_a_long() -> None:
    year = Fraction(365 * 24 * 3600)
    pictures = list(timed((Stamped(n, n * year, year) for n in range(2000)), year))
    assert all(earlier.pts_ns < later.pts_ns for earlier, later in pairwise(pictures))
    assert pictures[100].pts_ns == 100 * year * 10**9
    assert pictures[-1].pts_ns + pictures[-1].duration_ns < 2**63


WILD: list[Callable[[Random, int], int | None]] = [
    lambda _, ms: ms,
    lambda chance, ms: ms + chance.choice([-1, 1]) * 10 ** chance.randrange(22),
    lambda _, __: None,
    lambda chance, ms: ms - 40 * chance.randrange(4),
    lambda chance, ms: ms + chance.randrange(-60, 60),
]


@pytest.mark.parametrize("seed", range(200))
def test_any_times_come_out_growing(seed: int) -> None:
    chance = Random(seed)  # noqa: S311 (any times will do)
    share, shift, times = chance.random(), 0, list[int | None]()
    for number in range(chance.randrange(1, 80)):
        if chance.random() < 0.05:
            shift += chance.choice([-1, 1]) * 10 ** chance.randrange(15)
        wild = chance.choice(WILD) if chance.random() < share else WILD[0]
        times.append(wild(chance, number * 40 + shift))
    nominal = chance.choice([PAL, NTSC, Fraction(1, 10**10), Fraction(10**6)])
    pictures = list(timed(stamped(*times), nominal))
    ends = [0, *(p.pts_ns + p.duration_ns for p in pictures)]
    assert [p.picture for p in pictures] == list(range(len(times)))
    assert [p.pts_ns for p in pictures] == ends[:-1]
    assert min(p.duration_ns for p in pictures) > 0
    assert max(ends) < 2**63
    assert [p.is_last for p in pictures] == [False] * (len(times) - 1) + [True]


@pytest.mark.parametrize("seed", range(200))
def test_every_time_but_those_that_are_wrong_is_the_containers(seed: int) -> None:
    """Wrong ones that stand alone, among pictures of any pace, change no other's time."""
    chance = Random(seed)  # noqa: S311 (any times will do)
    times, now = list[int | None](), 0
    for _ in range(60):
        times.append(now)
        now += chance.choice([1, 33, 40, 40, 40, 500, 3_600_000])
    right = list(times)
    wrong = {n for n in range(8, 52, 9) if chance.random() < 0.7}
    for number in wrong:
        times[number] = chance.choice([None, times[number - 1], 10**11 + number, 0, -(10**10)])
    for picture in placed(*times):
        if picture.index not in wrong:
            assert picture.pts_ns / MS == right[picture.index]
            assert picture.repaired is None
        else:
            assert picture.repaired is not None


def test_times_do_not_depend_on_where_a_run_is_taken_up() -> None:
    """The same pictures in an iterator that is pulled otherwise, and with others behind them."""
    chance = Random(5)  # noqa: S311 (any times will do)
    times = [chance.choice([n * 40, n * 40, None, 10**9, 0]) for n in range(300)]
    whole = [(p.pts_ns, p.repaired) for p in placed(*times)]
    for count in (50, 150, 250):
        part = [(p.pts_ns, p.repaired) for p in placed(*times[:count])]
        assert part[: count - 8] == whole[: count - 8]


def test_few_pictures_are_held_and_only_while_there_is_doubt() -> None:
    taken = 0

    def source(times: Sequence[int | None]) -> Iterator[Stamped[int]]:
        nonlocal taken
        for picture in stamped(*times):
            taken += 1
            yield picture

    chance = Random(3)  # noqa: S311 (any times will do)
    wild = [chance.choice([n * 40, None, 10**9, 0]) for n in range(500)]
    for times, most in (([*range(0, 4000, 40)], 2), ([None] * 100, 2), (wild, 7)):
        taken = 0
        for given, _ in enumerate(timed(source(times), PAL)):
            assert taken - given <= most


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
