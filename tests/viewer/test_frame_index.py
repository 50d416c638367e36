"""The index: lookups by frame, offset and time, whatever the order and the size of what came."""

from __future__ import annotations

from dataclasses import replace

import pytest
from viewer.catalogue.frame_index import StreamIndex
from viewer.catalogue.packed_segments import packed

from tests.viewer.builders import FRAME_NS, segment, segment_record


def index_of(*firsts: int, count: int = 4) -> StreamIndex:
    index = StreamIndex()
    for first in firsts:
        assert index.add(segment(first, count))
    return index


def test_a_frame_is_found_with_its_whole_segment() -> None:
    location = index_of(0, 4, 8).segment_of(6)
    assert location is not None
    assert (location.partition, location.first_frame) == (2, 4)
    assert location.offsets == (104, 105, 106, 107)
    left = location.since(6)
    assert (left.first_frame, left.offsets) == (6, (106, 107))
    assert location.since(2) == location


def test_frames_that_are_not_there_are_not_found() -> None:
    index = index_of(4, 8)
    assert [index.segment_of(n) for n in (-1, 3, 12)] == [None, None, None]
    assert (index.first_frame, index.end_frame) == (4, 12)


def test_an_empty_index_answers() -> None:
    index = StreamIndex()
    assert (index.end_frame, index.frame_at_offset(5), index.frame_at_time(5)) == (0, 0, 0)
    assert list(index.entries(range(3))) == []


def test_segments_may_come_in_any_order() -> None:
    shuffled, ordered = index_of(8, 0, 12, 4), index_of(0, 4, 8, 12)
    assert shuffled.end_frame == 16
    assert list(shuffled.entries(range(16))) == list(ordered.entries(range(16)))
    assert [shuffled.offset_of(n) for n in range(16)] == [100 + n for n in range(16)]


def test_what_lies_behind_a_gap_does_not_count_until_it_is_closed() -> None:
    index = index_of(0, 8)
    assert index.end_frame == 4
    index.add(segment(4, 4))
    assert index.end_frame == 12


def test_a_segment_that_is_there_changes_nothing() -> None:
    index = index_of(0, 4)
    assert not index.add(segment(4, 4))
    assert not index.add(segment(2, 4))
    assert (len(index), index.end_frame) == (2, 8)


def test_entries_are_times_and_sizes() -> None:
    entries = list(index_of(0, 4, 8).entries(range(1, 12, 3)))
    assert entries == [(n * FRAME_NS, 1000 + n) for n in (1, 4, 7, 10)]


def test_a_time_finds_the_frame_that_is_shown_then() -> None:
    index = index_of(0, 4)
    times = [-1, 0, FRAME_NS - 1, FRAME_NS, 5 * FRAME_NS + 1, 99 * FRAME_NS]
    assert [index.frame_at_time(t) for t in times] == [0, 0, 0, 1, 5, 7]


def test_an_offset_finds_the_frame_there_or_the_next() -> None:
    index = StreamIndex()
    index.add(packed(replace(segment_record(0, 3), offsets=[100, 5, 5])))
    index.add(packed(replace(segment_record(3, 3), offsets=[200, 1, 1])))
    asked = [0, 100, 101, 105, 110, 111, 200, 202, 203]
    assert [index.frame_at_offset(offset) for offset in asked] == [0, 0, 1, 1, 2, 3, 3, 5, 6]


@pytest.mark.parametrize("large", [255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**40])
def test_values_of_any_size_are_kept_exactly(large: int) -> None:
    index = index_of(0, 4)
    size = min(large, 2**31 - 1)  # an int of the schema's
    wide = replace(
        segment_record(8, 3),
        offsets=[1000, large, 1],
        pts_ns=[9 * FRAME_NS, large, 7],
        sizes_bytes=[0, size, 5],
    )
    index.add(packed(wide))
    assert [index.offset_of(n) for n in (8, 9, 10)] == [1000, 1000 + large, 1001 + large]
    begin = 9 * FRAME_NS
    expected = [(begin, 0), (begin + large, size), (begin + large + 7, 5)]
    assert list(index.entries(range(8, 11))) == expected
    assert list(index.entries(range(8))) == [(n * FRAME_NS, 1000 + n) for n in range(8)]


def test_a_frame_takes_about_ten_bytes() -> None:
    index = StreamIndex()
    for first in range(0, 32_000, 32):
        index.add(segment(first, 32))
    assert index.memory_bytes / 32_000 < 12


def test_expired_segments_are_forgotten_once_they_are_half_of_all() -> None:
    index = index_of(0, 4, 8, 12)
    before = index.memory_bytes
    index.forget_before(107)
    assert index.first_frame == 0
    index.forget_before(108)
    assert (index.first_frame, index.end_frame) == (8, 16)
    assert index.memory_bytes < before * 0.52
    assert list(index.entries(range(8, 16))) == [(n * FRAME_NS, 1000 + n) for n in range(8, 16)]
    index.add(segment(16, 4))
    assert (index.end_frame, index.offset_of(17)) == (20, 117)
