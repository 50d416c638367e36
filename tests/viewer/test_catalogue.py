"""The catalogue: what counts as available, in whichever order things become known."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from viewer.catalogue.catalogue import Catalogue
from viewer.model.errors import NeverWasError

from tests.viewer.builders import FRAME_NS, RUN, STARTED_AT, STREAM_ID, segment, stream

NOW_MS = STARTED_AT // 1000 + 1000
OLD_MS = STARTED_AT // 1000 - 3_600_000
OTHER_RUN = "b" * 32


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue()


def test_a_frame_counts_once_both_stream_and_segment_are_known(catalogue: Catalogue) -> None:
    catalogue.put_stream(stream(8))
    assert catalogue.stream(STREAM_ID).frame_count == 0
    catalogue.put_segments([(segment(0, 4), NOW_MS)])
    view = catalogue.stream(STREAM_ID)
    assert (view.frame_count, view.duration_ns) == (4, 4 * FRAME_NS)
    catalogue.put_segments([(segment(4, 4), NOW_MS)])
    assert catalogue.stream(STREAM_ID).frame_count == 8


def test_segments_may_be_known_before_their_stream(catalogue: Catalogue) -> None:
    catalogue.put_segments([(segment(0, 4), NOW_MS)])
    with pytest.raises(NeverWasError):
        catalogue.stream(STREAM_ID)
    catalogue.put_stream(stream(4))
    assert catalogue.stream(STREAM_ID).frame_count == 4


def test_frames_that_the_stream_does_not_count_yet_do_not_count(catalogue: Catalogue) -> None:
    catalogue.put_stream(stream(4, state="INGESTING"))
    for first in (0, 4):
        catalogue.put_segments([(segment(first, 4), NOW_MS)])
    assert catalogue.stream(STREAM_ID).frame_count == 4


@pytest.mark.parametrize("segment_first", [True, False])
def test_a_new_run_replaces_the_one_before(catalogue: Catalogue, segment_first: bool) -> None:
    catalogue.put_stream(stream(8))
    for first in (0, 4):
        catalogue.put_segments([(segment(first, 4), NOW_MS)])
    if segment_first:
        catalogue.put_segments([(segment(0, 2, run_id=OTHER_RUN), NOW_MS)])
    catalogue.put_stream(stream(2, run_id=OTHER_RUN))
    if not segment_first:
        catalogue.put_segments([(segment(0, 2, run_id=OTHER_RUN), NOW_MS)])
    view = catalogue.stream(STREAM_ID)
    assert (view.run_id, view.frame_count) == (OTHER_RUN, 2)
    assert catalogue.size[:2] == (1, 1)


def test_the_last_word_on_the_old_run_does_not_lose_the_new_ones_first(
    catalogue: Catalogue,
) -> None:
    catalogue.put_stream(stream(4, state="INGESTING"))
    catalogue.put_segments([(segment(0, 2, run_id=OTHER_RUN), NOW_MS)])
    catalogue.put_stream(stream(4))
    catalogue.put_stream(stream(2, run_id=OTHER_RUN))
    assert catalogue.stream(STREAM_ID).frame_count == 2


def test_segments_of_a_past_run_are_not_kept(catalogue: Catalogue) -> None:
    catalogue.put_segments([(segment(0, 4, run_id=OTHER_RUN), OLD_MS)])
    catalogue.put_stream(stream(4))
    catalogue.put_segments([(segment(4, 4, run_id=OTHER_RUN), OLD_MS)])
    catalogue.put_segments([(segment(0, 4), NOW_MS)])
    assert catalogue.size[:2] == (1, 1)
    assert catalogue.stream(STREAM_ID).frame_count == 4


def test_a_view_of_the_old_run_finds_nothing_in_the_new(catalogue: Catalogue) -> None:
    catalogue.put_stream(stream(4))
    catalogue.put_segments([(segment(0, 4), NOW_MS)])
    old = catalogue.stream(STREAM_ID)
    catalogue.put_stream(stream(4, run_id=OTHER_RUN))
    catalogue.put_segments([(segment(0, 4, run_id=OTHER_RUN), NOW_MS)])
    assert catalogue.segment_of(old, 0) is None
    assert catalogue.segment_of(catalogue.stream(STREAM_ID), 0) is not None


def test_a_removed_stream_is_gone_and_said_to_be(catalogue: Catalogue) -> None:
    catalogue.put_stream(stream(4))
    known = catalogue.changes_since(0).version
    catalogue.remove_stream(STREAM_ID)
    assert catalogue.changes_since(known).gone == [STREAM_ID]
    with pytest.raises(NeverWasError):
        catalogue.stream(STREAM_ID)


def test_changes_are_those_since_a_version_and_newest_last_told_once(catalogue: Catalogue) -> None:
    catalogue.put_stream(stream(4))
    catalogue.put_stream(replace(stream(0), stream_id="other"))
    changes = catalogue.changes_since(0)
    assert {view.stream_id for view in changes.streams} == {STREAM_ID, "other"}
    assert catalogue.changes_since(changes.version).streams == []
    catalogue.put_segments([(segment(0, 4), NOW_MS)])
    [changed] = catalogue.changes_since(changes.version).streams
    assert (changed.stream_id, changed.frame_count) == (STREAM_ID, 4)


def test_expired_frames_are_not_available(catalogue: Catalogue) -> None:
    catalogue.put_stream(stream(8))
    for first in (0, 4):
        catalogue.put_segments([(segment(first, 4), NOW_MS)])
    catalogue.set_low_watermarks({1: 9999, 2: 103})
    view = catalogue.stream(STREAM_ID)
    assert (view.first_available_frame, view.frame_count) == (3, 8)


def test_a_stream_that_has_expired_whole_keeps_its_count(catalogue: Catalogue) -> None:
    catalogue.put_stream(stream(8))
    catalogue.set_low_watermarks({2: 500})
    view = catalogue.stream(STREAM_ID)
    assert (view.first_available_frame, view.frame_count) == (8, 8)


def test_nothing_of_a_topic_that_is_gone_is_available(catalogue: Catalogue) -> None:
    """Whatever lies at its offsets in the topic that was made in its place."""
    catalogue.put_stream(stream(8, frames_topic_id="one"))
    catalogue.put_segments([(segment(0, 8), NOW_MS)])
    catalogue.put_stream(stream(8, stream_id="other", frames_topic_id="two"))
    assert catalogue.frames_topic_ids == {"one", "two"}
    version = catalogue.changes_since(0).version
    catalogue.set_gone_topics(frozenset({"one"}))
    assert [view.stream_id for view in catalogue.changes_since(version).streams] == [STREAM_ID]
    catalogue.set_low_watermarks({2: 0})
    view = catalogue.stream(STREAM_ID)
    assert (view.first_available_frame, view.frame_count) == (8, 8)
    assert catalogue.stream("other").first_available_frame == 0


def test_an_index_that_begins_late_makes_the_frames_before_expired(catalogue: Catalogue) -> None:
    catalogue.put_stream(stream(8))
    catalogue.put_segments([(segment(4, 4), NOW_MS)])
    view = catalogue.stream(STREAM_ID)
    assert (view.first_available_frame, view.frame_count) == (4, 8)


def test_waiting_ends_when_the_frame_is_there(catalogue: Catalogue) -> None:
    catalogue.put_stream(stream(4, state="INGESTING"))
    catalogue.put_segments([(segment(0, 4), NOW_MS)])
    catalogue.put_segments([(segment(4, 4), NOW_MS)])
    commit = threading.Timer(0.05, catalogue.put_stream, [stream(8, state="INGESTING")])
    commit.start()
    view = catalogue.wait_for(STREAM_ID, lambda v: v.frame_count > 4, 30)
    commit.join()
    assert view.frame_count == 8


def test_waiting_for_a_stream_that_goes_ends(catalogue: Catalogue) -> None:
    catalogue.put_stream(stream(4, state="INGESTING"))
    removal = threading.Timer(0.05, catalogue.remove_stream, [STREAM_ID])
    removal.start()
    with pytest.raises(NeverWasError):
        catalogue.wait_for(STREAM_ID, lambda _: False, 30)
    removal.join()


def test_a_cleared_catalogue_says_that_all_are_gone(catalogue: Catalogue) -> None:
    catalogue.put_stream(stream(4))
    catalogue.put_segments([(segment(0, 4), NOW_MS)])
    known = catalogue.changes_since(0).version
    catalogue.clear()
    assert catalogue.changes_since(known).gone == [STREAM_ID]
    assert catalogue.size == (0, 0, 0)


def test_the_entry_tells_what_the_schema_tells(catalogue: Catalogue) -> None:
    catalogue.put_stream(stream(4, sample_aspect_num=4, sample_aspect_den=3, error="why"))
    entry = catalogue.stream(STREAM_ID).as_dict()
    assert entry["run_id"] == RUN
    assert (entry["fps"], entry["sample_aspect_ratio"], entry["error"]) == (25.0, "4:3", "why")
    assert (entry["started_at"], entry["ended_at"]) == ("2023-11-14T22:13:20.000Z", None)
