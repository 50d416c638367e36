"""Which of a stream's records is believed, and what goes when it is forgotten."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from viewer.catalogue.catalogue import Catalogue
from viewer.catalogue.frame_index import StreamIndex
from viewer.catalogue.stream_entry import ContradictionError

from tests.viewer.builders import RUN, STARTED_AT, STREAM_ID, segment, stream

NOW_MS = STARTED_AT // 1000 + 1000
LATER_MS = NOW_MS + 5000
OTHER_RUN = "b" * 32
LATER = STARTED_AT + 60_000_000


@pytest.fixture
def catalogue() -> Catalogue:
    """Give a catalogue with a stream of 8 frames."""
    made = Catalogue()
    made.put_stream(stream(8))
    made.put_segments([(segment(first, 4), NOW_MS) for first in (0, 4)])
    return made


def shown(catalogue: Catalogue) -> tuple[str, int]:
    view = catalogue.stream(STREAM_ID)
    return view.run_id, view.frame_count


def test_another_run_is_shown_only_once_the_index_has_something_of_it(
    catalogue: Catalogue,
) -> None:
    catalogue.put_stream(stream(5000, run_id=OTHER_RUN, updated_at=LATER))
    assert shown(catalogue) == (RUN, 8)
    assert catalogue.segment_of(catalogue.stream(STREAM_ID), 5) is not None
    catalogue.put_segments([(segment(0, 4, run_id=OTHER_RUN), LATER_MS)])
    assert shown(catalogue) == (OTHER_RUN, 4)
    assert catalogue.size[:2] == (1, 1)


def test_a_run_that_begins_is_shown_at_once(catalogue: Catalogue) -> None:
    catalogue.put_stream(stream(0, run_id=OTHER_RUN, state="INGESTING", updated_at=LATER))
    assert shown(catalogue) == (OTHER_RUN, 0)


@pytest.mark.parametrize("segments_first", [True, False])
def test_a_strangers_run_hides_none_whatever_is_read_first(segments_first: bool) -> None:
    catalogue = Catalogue()
    segments = [(segment(first, 4), NOW_MS) for first in (0, 4)]
    if segments_first:
        catalogue.put_segments(segments)
    catalogue.put_stream(stream(8))
    catalogue.put_stream(stream(3, run_id=OTHER_RUN, updated_at=LATER, started_at=1 << 57))
    if not segments_first:
        catalogue.put_segments(segments)
    assert shown(catalogue) == (RUN, 8)


CLAIMS: list[dict[str, object]] = [
    {"frame_count": 3},
    {"frame_count": 3, "last_offset": 102},
    {"frame_count": 3, "last_offset": 102, "state": "INGESTING"},
    {"first_offset": 0, "last_offset": 7},
    {"frame_count": 9000, "last_offset": 9200, "state": "INGESTING"},
    {"frame_count": 9000, "last_offset": 9200},
    {"state": "INGESTING"},
]


@pytest.mark.parametrize("segments_at", [0, 1, 2])
@pytest.mark.parametrize("comes_first", [False, True])
@pytest.mark.parametrize("changes", CLAIMS)
def test_a_strangers_word_on_a_run_is_not_believed_whatever_is_read_first(
    changes: dict[str, object], comes_first: bool, segments_at: int
) -> None:
    """As a viewer that starts reads them: the topics one beside the other."""
    catalogue = Catalogue()
    good = stream(8)
    false = replace(good, updated_at=LATER, **changes)  # type: ignore[arg-type]
    for at, record in enumerate([false, good] if comes_first else [good, false]):
        if at == segments_at:
            catalogue.put_segments([(segment(first, 4), NOW_MS) for first in (0, 4)])
        with suppress(ContradictionError):
            catalogue.put_stream(record)
    if segments_at == 2:
        for first in (0, 4):
            catalogue.put_segments([(segment(first, 4), NOW_MS)])
    view = catalogue.stream(STREAM_ID)
    assert (view.frame_count, view.stream.state) == (8, "COMPLETE")


def test_a_run_that_goes_on_is_shown_as_its_latest_record_tells() -> None:
    catalogue = Catalogue()
    catalogue.put_stream(stream(4, state="INGESTING"))
    catalogue.put_stream(stream(2, state="INGESTING", updated_at=LATER))
    for count in (8, 12):
        catalogue.put_segments([(segment(first, 4), NOW_MS) for first in range(0, count - 4, 4)])
        catalogue.put_stream(stream(count, state="INGESTING", updated_at=LATER))
        assert catalogue.stream(STREAM_ID).stream.frame_count == count
    catalogue.put_segments([(segment(8, 4), NOW_MS)])
    catalogue.put_stream(stream(12, updated_at=LATER))
    view = catalogue.stream(STREAM_ID)
    assert (view.frame_count, view.stream.state) == (12, "COMPLETE")


@pytest.mark.parametrize(
    "changes",
    [
        {"fingerprint": "f" * 64},
        {"first_offset": 7},
        {"frame_count": 3},
        {"frame_count": 9000, "last_offset": 9200},
        {"state": "INGESTING"},
        {"run_id": OTHER_RUN, "fingerprint": "f" * 64, "frame_count": 0},
    ],
)
def test_what_contradicts_a_stream_that_is_there_is_refused(
    catalogue: Catalogue, changes: dict[str, object]
) -> None:
    before = catalogue.stream(STREAM_ID)
    with pytest.raises(ContradictionError):
        catalogue.put_stream(replace(stream(8, updated_at=LATER), **changes))  # type: ignore[arg-type]
    assert catalogue.stream(STREAM_ID) == before


def test_the_content_that_a_streams_id_names_is_the_streams() -> None:
    catalogue = Catalogue()
    theirs = stream(4, run_id=OTHER_RUN, fingerprint="f" * 64)
    catalogue.put_stream(theirs)
    catalogue.put_segments([(segment(0, 4, run_id=OTHER_RUN), NOW_MS)])
    catalogue.put_stream(stream(8, fingerprint="0123456789ab" + "0" * 52))
    with pytest.raises(ContradictionError):
        catalogue.put_stream(theirs)
    catalogue.put_segments([(segment(first, 4), LATER_MS) for first in (0, 4)])
    assert shown(catalogue) == (RUN, 8)


def test_older_records_that_are_read_again_change_nothing(catalogue: Catalogue) -> None:
    catalogue.put_stream(stream(4, state="INGESTING"))
    assert shown(catalogue) == (RUN, 8)


def test_a_segment_that_names_another_partition_moves_no_frame(catalogue: Catalogue) -> None:
    before = catalogue.segment_of(catalogue.stream(STREAM_ID), 0)
    catalogue.put_segments([(segment(8, 4)._replace(partition=7), LATER_MS)])
    assert catalogue.segment_of(catalogue.stream(STREAM_ID), 0) == before


def test_tombstones_of_the_index_free_its_memory(catalogue: Catalogue) -> None:
    catalogue.remove_stream(STREAM_ID, NOW_MS - 1)
    assert catalogue.size[:2] == (0, 2), "they were written since, so that they may be a new run's"
    for number in (0, 1):
        catalogue.remove_segment(STREAM_ID, number, LATER_MS)
    assert catalogue.size == (0, 0, 0)
    catalogue.remove_segment(STREAM_ID, 0, LATER_MS)
    catalogue.remove_segment("never", 0, LATER_MS)


def test_a_stream_that_is_sent_again_after_it_was_forgotten_keeps_its_segments() -> None:
    """The index may be read to its end before the first of the streams is."""
    catalogue = Catalogue()
    catalogue.put_segments([(segment(first, 4), NOW_MS) for first in (0, 4)])
    for number in (0, 1):
        catalogue.remove_segment(STREAM_ID, number, NOW_MS + 1)
    catalogue.put_segments([(segment(0, 4, run_id=OTHER_RUN), LATER_MS)])
    catalogue.put_stream(stream(8))
    catalogue.remove_stream(STREAM_ID, NOW_MS + 1)
    catalogue.put_stream(stream(4, run_id=OTHER_RUN, updated_at=LATER))
    assert shown(catalogue) == (OTHER_RUN, 4)
    assert catalogue.size[:2] == (1, 1)


def test_whichever_segments_go_the_others_are_right() -> None:
    firsts = range(0, 40, 4)
    for gone in ([0], [9], [4], [0, 1, 2], [9, 8], [5, 4, 6], [0, 9, 3, 4, 5, 1]):
        index = StreamIndex()
        for first in firsts:
            index.add(segment(first, 4))
        assert all(index.remove(number) for number in gone)
        assert not index.remove(gone[0])
        left = [n for n in range(10) if n not in gone]
        for n in range(10):
            expected = 100 + 4 * n + 1 if n in left else None
            assert index.offset_of(4 * n + 1) == expected, (gone, n)
        end = left[0]
        while end in left:
            end += 1
        assert index.end_frame == 4 * end, gone
        for number in left:
            index.remove(number)
        assert (len(index), index.end_frame, index.memory_bytes) == (0, 0, 0)
