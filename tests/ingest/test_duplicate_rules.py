"""What is done with a file, going by what the log has of its content."""

from dataclasses import replace

import pytest
from ingest.inbox.open_file import Content
from ingest.model.stream import Placement, State, Stream
from ingest.worker import duplicate_rules
from ingest.worker.duplicate_rules import (
    AlreadyFinished,
    BeginNewRun,
    BeginStream,
    Claim,
    CompareAllBytes,
    Decision,
    Duplicate,
    ResumeRun,
    WaitForOther,
)

from tests.ingest.builders import CONTENT, NOW_US, RUN, frames, fresh

WHOLE = Content(CONTENT, is_whole=True)
SAMPLED = Content(CONTENT, is_whole=False)
OWN, OTHER = "1" * 64, "2" * 64
NOBODY = Claim()


def begun(content_sha256: str | None = None) -> Stream:
    moved_on = fresh().with_batch(frames(0, 2), Placement(3, [4, 5]), NOW_US)
    return replace(moved_on, content_sha256=content_sha256)


def complete(content_sha256: str | None = None) -> Stream:
    return begun(content_sha256).with_end(None, None, NOW_US)


def truncated(content_sha256: str | None = None) -> Stream:
    return begun(content_sha256).with_end(None, "It was cut off.", NOW_US)


def decide(
    *found: Stream, content: Content = WHOLE, claim: Claim = NOBODY, is_readable: bool = True
) -> Decision:
    return duplicate_rules.decide(found, content, claim, lambda: OWN, lambda _: is_readable)


def test_a_content_that_the_log_does_not_have_is_begun() -> None:
    assert decide() == BeginStream()


def test_a_stream_of_which_nothing_could_be_used_holds_nothing() -> None:
    failed = fresh().with_end(None, "It is no video.", NOW_US)
    assert failed.state is State.FAILED
    assert decide(failed) == BeginStream()
    assert decide(complete(), failed) == Duplicate(complete())


@pytest.mark.parametrize("ended", [complete(), truncated()])
def test_a_content_whose_frames_can_all_be_read_is_not_sent_again(ended: Stream) -> None:
    assert decide(ended) == Duplicate(ended)


@pytest.mark.parametrize("ended", [complete(), truncated()])
def test_a_content_of_which_frames_are_gone_is_sent_again(ended: Stream) -> None:
    assert decide(ended, is_readable=False) == BeginNewRun(ended)


@pytest.mark.parametrize("make", [complete, truncated])
def test_of_a_sampled_content_all_bytes_decide(make: object) -> None:
    assert callable(make)
    assert decide(make(OWN), content=SAMPLED) == Duplicate(make(OWN))
    assert decide(make(OTHER), content=SAMPLED) == CompareAllBytes(make(OTHER))
    assert decide(make(None), content=SAMPLED) == CompareAllBytes(make(None)), (
        "not known to be the same"
    )


def test_the_bytes_are_not_hashed_where_they_decide_nothing() -> None:
    def never() -> str:
        raise AssertionError("hashed")

    own = Claim(run_id=RUN)
    for found, content, claim in (
        ([], SAMPLED, NOBODY),
        ([complete(OTHER)], WHOLE, NOBODY),
        ([complete(OTHER)], SAMPLED, own),
        ([begun()], SAMPLED, NOBODY),
    ):
        duplicate_rules.decide(found, content, claim, never, lambda _: True)


def test_who_is_at_work_is_waited_for() -> None:
    assert decide(begun()) == WaitForOther(begun())
    assert decide(begun(), content=SAMPLED) == WaitForOther(begun())
    assert decide(begun(OWN), content=SAMPLED) == WaitForOther(begun(OWN))
    assert decide(begun(OTHER), content=SAMPLED) == CompareAllBytes(begun(OTHER)), (
        "it sends another"
    )


def test_who_has_not_moved_for_long_is_taken_over() -> None:
    lost = Claim(abandoned=(RUN, 1))
    assert decide(begun(), claim=lost) == ResumeRun(begun())
    assert decide(begun(OWN), content=SAMPLED, claim=lost) == ResumeRun(begun(OWN))
    assert decide(begun(), content=SAMPLED, claim=lost) == BeginNewRun(begun()), (
        "of which bytes is it?"
    )
    for moved in (Claim(abandoned=(RUN, 0)), Claim(abandoned=("b" * 32, 1))):
        assert decide(begun(), claim=moved) == WaitForOther(begun())


@pytest.mark.parametrize("content", [WHOLE, SAMPLED])
def test_the_run_that_was_begun_from_this_very_file_is_gone_on_with(content: Content) -> None:
    own = Claim(run_id=RUN)
    assert decide(begun(), content=content, claim=own) == ResumeRun(begun())
    assert decide(complete(), content=content, claim=own) == AlreadyFinished(complete())
    assert decide(truncated(), content=content, claim=own) == AlreadyFinished(truncated())
    assert decide(complete(), claim=own, is_readable=False) == AlreadyFinished(complete())


def test_what_is_to_be_sent_again_is() -> None:
    marked = Claim(superseded=RUN)
    assert decide(complete(), claim=marked) == BeginNewRun(complete())
    assert decide(truncated(OTHER), content=SAMPLED, claim=marked) == BeginNewRun(truncated(OTHER))
    assert decide(complete(), claim=replace(marked, run_id=RUN)) == BeginNewRun(complete())
    assert decide(complete(), claim=Claim(superseded="b" * 32)) == Duplicate(complete())


def test_the_latest_change_counts() -> None:
    later = replace(complete(), run_id="b" * 32)
    assert decide(truncated(), later) == Duplicate(later)
