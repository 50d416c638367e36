import pytest

from bench.results.measurements import Growth, Spread, at_least, at_most, compare, interleaved


def test_contenders_take_turns_and_none_is_always_first() -> None:
    order: list[str] = []

    def measured(name: str, value: float) -> float:
        order.append(name)
        return value

    values = interleaved({"a": lambda: measured("a", 2), "b": lambda: measured("b", 1)}, 2)

    assert order == ["a", "b", "b", "a", "a", "b"]
    assert values == {"a": [2, 2], "b": [1, 1]}


def test_a_ratio_is_that_of_the_medians_and_its_spread_that_of_the_pairs() -> None:
    values = {"framelog": [2.0, 4.0, 60.0], "floor": [2.0, 2.0, 20.0]}

    compared = compare("x", "ms", values, "floor", target=at_most(1.5))

    assert compared.ratio == 2.0
    assert (compared.ratios.lowest, compared.ratios.highest) == (1.0, 3.0)
    assert compared.target is not None
    assert not compared.target.holds(compared.ratio)


def test_a_spread_of_one_value_is_that_value() -> None:
    assert Spread.of([3.0]) == Spread(3.0, 3.0, 3.0, 3.0, 3.0, 1)


def test_bounds_hold_at_their_value() -> None:
    assert at_least(8).holds(8)
    assert not at_least(8).holds(7.9)
    assert str(at_most(1.15)) == "≤ 1.15"


@pytest.mark.parametrize(
    ("points", "order"), [([(1, 5), (10, 5)], 0), ([(1, 1), (10, 2), (100, 20)], 1)]
)
def test_the_order_of_growth_is_that_of_its_end(
    points: list[tuple[float, float]], order: float
) -> None:
    assert Growth("x", "files", "s", points).order == pytest.approx(order)
