"""A session brings each frame into the log once, whatever strikes on the way."""

import itertools
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256

import pytest
from ingest.model.errors import Blocked, Fenced, StartOver
from ingest.model.stream import State, Stream
from ingest.worker.stream_session import Session

from tests.ingest.builders import CONTENT, NOW_US, RUN, frames, fresh
from tests.ingest.fakes import Died, FakeLog, Fault
from tests.ingest.worlds import World

FRAMES, BATCH = 7, 3
OTHER_RUN = "b" * 32
DIGEST = sha256(b"".join(f.image for f in frames(0, FRAMES))).hexdigest()
CALLS_WITHOUT_FAULT = ["open", "find", "hash", "commit", "commit", "commit"]
ENDING = {Fault.FENCED: Fenced, Fault.BLOCKED: Blocked}
SURVIVABLE = [fault for fault in Fault if fault not in ENDING]


def session_on(
    log: FakeLog, run_id: str = RUN, wait: Callable[[str], None] | None = None
) -> Session:
    session = Session(lambda: log.connect(CONTENT), wait or (lambda _: None), lambda: NOW_US)
    session.open(fresh(run_id))
    return session


def send_rest(session: Session, batch: int = BATCH, stop: int = FRAMES) -> Stream:
    """Send the frames that are not in the log yet, as a worker does after decoding up to there."""
    while session.stream.frame_count < stop and not session.stream.ended:
        first = session.stream.frame_count
        session.commit(frames(first, min(first + batch, stop), last=FRAMES - 1), None)
    return session.stream


def run_to_the_end(log: FakeLog, name: str = "clip", supersedes: str | None = None) -> Stream:
    """Ingest, and begin anew with another run id when the process dies."""
    while True:
        session = Session(lambda: log.connect(CONTENT), lambda _: None, lambda: NOW_US)
        run_id = f"{len(log.calls):032x}"
        try:
            session.open(fresh(run_id, name=name), lambda old, _: old.run_id == supersedes)
            return send_rest(session)
        except Died:
            continue


def check_whole(log: FakeLog, stream: Stream, other_runs: int = 0) -> None:
    """Check that each frame is in the log once, in order, and that all records agree."""
    run = [written for written in log.frames if written.run_id == stream.run_id]
    assert len(run) == len(log.frames) - other_runs
    assert [written.frame for written in run] == frames(0, FRAMES, last=FRAMES - 1)
    assert {written.stream_id for written in log.frames} == {stream.stream_id}
    assert log.states[-1] == stream
    assert (stream.state, stream.frame_count, stream.error) == (State.COMPLETE, FRAMES, None)
    assert stream.digest == DIGEST
    assert stream.bytes == sum(len(written.frame.image) for written in run)
    segments = [log.segments[key] for key in sorted(log.segments)]
    assert [segment.segment_number for segment in segments] == list(range(stream.segment_count))
    told = [o for segment in segments for o in itertools.accumulate(segment.offsets)]
    assert told == [written.offset for written in run]
    assert (stream.first_offset, stream.last_offset) == (told[0], told[-1])


def test_without_a_fault_nothing_is_asked_twice() -> None:
    log = FakeLog()
    check_whole(log, run_to_the_end(log))
    assert log.calls == CALLS_WITHOUT_FAULT


@pytest.mark.parametrize("fault", SURVIVABLE)
@pytest.mark.parametrize("call", range(len(CALLS_WITHOUT_FAULT)))
def test_after_any_fault_each_frame_is_in_the_log_once(call: int, fault: Fault) -> None:
    log = FakeLog({call: fault})
    check_whole(log, run_to_the_end(log))
    assert log.calls != CALLS_WITHOUT_FAULT


def test_after_any_two_faults_each_frame_is_in_the_log_once() -> None:
    calls = range(2 * len(CALLS_WITHOUT_FAULT))
    for pair in itertools.combinations(calls, 2):
        for both in itertools.product(SURVIVABLE, repeat=2):
            log = FakeLog(dict(zip(pair, both, strict=True)))
            check_whole(log, run_to_the_end(log))


def test_a_log_that_is_away_for_long_is_waited_for() -> None:
    waits: list[str] = []
    log = FakeLog(dict.fromkeys([*range(5), *range(8, 40)], Fault.LOST))
    check_whole(log, send_rest(session_on(log, wait=waits.append)))
    assert len(waits) == 37


@pytest.mark.parametrize("fault", ENDING)
@pytest.mark.parametrize("call", range(len(CALLS_WITHOUT_FAULT)))
def test_being_fenced_or_blocked_ends_the_session(call: int, fault: Fault) -> None:
    log = FakeLog({call: fault})
    with pytest.raises(ENDING[fault]):
        send_rest(session_on(log))
    assert len(log.calls) == call + 1


def test_a_publisher_that_has_failed_is_not_used_again() -> None:
    waits: list[str] = []
    log = FakeLog({4: Fault.LOST})
    check_whole(log, send_rest(session_on(log, wait=waits.append)))
    assert log.calls[4:9] == ["commit", "find", "open", "find", "commit"]
    assert waits == ["commit"]


def test_frames_that_kafka_has_lost_after_it_confirmed_them_are_sent_again() -> None:
    """As the next abort takes them along, where a broker has lost their COMMIT marker."""
    log = FakeLog({5: Fault.LOST})

    def lose_the_last_batch(_: str) -> None:
        del log.frames[-BATCH:]

    session = session_on(log, wait=lose_the_last_batch)
    with pytest.raises(StartOver, match="lost frames of the stream that it had confirmed"):
        send_rest(session)
    assert len(log.frames) == BATCH
    resumed = session_on(log, OTHER_RUN)
    assert resumed.stream.run_id not in {RUN, OTHER_RUN}
    check_whole(log, send_rest(resumed), other_runs=BATCH)


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.OVERDUE])
def test_commits_that_kafka_has_lost_wholly_have_the_stream_begun_again(fault: Fault) -> None:
    """Then the latest state is an earlier one of the same run: no other worker has written it."""
    log = FakeLog({5: fault})

    def lose_the_last_commit(_: str) -> None:
        del log.frames[-BATCH:]
        del log.states[-1]
        del log.segments[max(log.segments)]

    session = session_on(log, wait=lose_the_last_commit)
    with pytest.raises(StartOver, match="lost a commit of the stream that it had confirmed"):
        send_rest(session)
    resumed = session_on(log, OTHER_RUN)
    assert resumed.stream.run_id not in {RUN, OTHER_RUN}
    assert resumed.stream.frame_count == 0
    check_whole(log, send_rest(resumed), other_runs=BATCH)


def test_limits_that_have_changed_are_asked_for_at_once() -> None:
    log = FakeLog({4: Fault.REFUSED})
    check_whole(log, send_rest(session_on(log, wait=pytest.fail)))
    assert log.calls[4:9] == ["commit", "find", "open", "find", "commit"]


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.REFUSED])
def test_what_no_other_publisher_mends_is_left_to_a_person(fault: Fault) -> None:
    waits: list[str] = []
    log = FakeLog(dict.fromkeys(range(3, 1000), fault))
    session = session_on(log, wait=waits.append)
    with pytest.raises(Blocked, match="3 times in a row"):
        send_rest(session)
    assert len(waits) == 2
    assert len(log.calls) < 100


def test_what_is_broken_now_and_then_is_mended_each_time() -> None:
    log = FakeLog(dict.fromkeys([4, 9, 14, 19], Fault.BROKEN))
    check_whole(log, send_rest(session_on(log), batch=1))


def test_a_topic_that_was_made_anew_has_the_stream_begun_again_by_another_session() -> None:
    log = FakeLog()
    session = session_on(log)
    send_rest(session, stop=4)
    log.topic_id = "the second frames topic"
    with pytest.raises(StartOver, match="deleted and recreated"):
        send_rest(session)
    resumed = session_on(log, OTHER_RUN)
    assert resumed.stream.run_id not in {RUN, OTHER_RUN}
    assert resumed.stream.frame_count == 0
    stream = send_rest(resumed)
    assert stream.frames_topic_id == "the second frames topic"
    check_whole(log, stream, other_runs=4)


def test_a_topic_that_was_made_anew_meanwhile_has_the_stream_begun_again() -> None:
    log = FakeLog()
    send_rest(session_on(log), stop=4)
    log.topic_id = "the second frames topic"
    resumed = session_on(log, OTHER_RUN)
    assert (resumed.stream.run_id, resumed.stream.frame_count) == (OTHER_RUN, 0)
    check_whole(log, send_rest(resumed), other_runs=4)


def test_a_run_is_continued_where_it_was_committed(world: World) -> None:
    def session(run_id: str) -> Session:
        made = Session(lambda: world.connect(CONTENT), pytest.fail, lambda: NOW_US)
        made.open(fresh(run_id))
        return made

    send_rest(session(RUN), batch=2, stop=4)
    resumed = session(OTHER_RUN)
    assert (resumed.stream.run_id, resumed.stream.frame_count) == (RUN, 4)
    stream = send_rest(resumed, batch=2)
    assert (stream.state, stream.digest) == (State.COMPLETE, DIGEST)
    seen = world.committed()
    assert [placed.record["frame_index"] for placed in seen.frames] == list(range(FRAMES))
    assert [placed.record["is_last"] for placed in seen.frames] == [False] * 6 + [True]
    assert {placed.record["run_id"] for placed in seen.frames} == {RUN}
    again = session(OTHER_RUN)
    assert again.stream == stream


def test_content_that_is_in_the_log_is_not_sent_again_under_any_name() -> None:
    log = FakeLog()
    stream = run_to_the_end(log)
    calls = len(log.calls)
    session = Session(lambda: log.connect(CONTENT), pytest.fail, lambda: NOW_US)
    assert session.open(fresh(OTHER_RUN, name="another-name")) == stream
    assert log.calls[calls:] == ["open", "find"]


def test_a_digest_that_can_not_be_known_is_left_out() -> None:
    log = FakeLog()
    send_rest(session_on(log), stop=4)
    del log.frames[:2]  # expired
    stream = send_rest(session_on(log))
    assert (stream.state, stream.frame_count, stream.digest) == (State.COMPLETE, FRAMES, None)


def test_what_is_missing_at_the_end_is_said() -> None:
    log = FakeLog()
    session = session_on(log)
    send_rest(session, stop=6)
    stream = session.commit(frames(6, 7, last=6), "It was cut off.")
    assert (stream.state, stream.error) == (State.TRUNCATED, "It was cut off.")
    assert (stream.digest, stream.ended_at_us) == (DIGEST, NOW_US)


@pytest.mark.parametrize("fault", [None, *SURVIVABLE])
@pytest.mark.parametrize(("sent", "state"), [(0, State.FAILED), (3, State.TRUNCATED)])
def test_a_stream_can_end_without_a_further_frame(
    sent: int, state: State, fault: Fault | None
) -> None:
    log = FakeLog()
    send_rest(session_on(log), stop=sent)
    if fault:
        log.faults[len(log.calls) + 3] = fault
    try:
        stream = session_on(log).end("No more could be decoded.")
    except Died:
        session = session_on(log)
        stream = (
            session.stream if session.stream.ended else session.end("No more could be decoded.")
        )
    assert log.states[-1] == stream
    assert (stream.state, stream.frame_count) == (state, sent)
    assert stream.error == "No more could be decoded."
    assert stream.digest == sha256(b"".join(f.image for f in frames(0, sent))).hexdigest()
    assert len(log.frames) == sent


def test_content_that_failed_is_tried_again() -> None:
    log = FakeLog()
    session_on(log).end("Its worker crashed.")
    stream = send_rest(session_on(log, OTHER_RUN))
    assert stream.run_id == OTHER_RUN
    check_whole(log, stream)


def test_a_session_that_was_taken_over_lets_go() -> None:
    log = FakeLog()
    older = session_on(log)
    send_rest(older, stop=3)
    newer = session_on(log, OTHER_RUN)
    with pytest.raises(Fenced):
        send_rest(older)
    check_whole(log, send_rest(newer))


@pytest.mark.parametrize("fault", [Fault.OVERDUE, Fault.LOST, Fault.BROKEN])
def test_one_whose_commit_failed_does_not_fence_who_has_taken_over(fault: Fault) -> None:
    """It stood still: whoever took the stream over meanwhile goes on with it undisturbed.

    Which error it is told of first, Kafka's or its own client's, varies.
    """
    log = FakeLog()
    newcomers: list[Session] = []

    def take_over(_: str) -> None:
        newcomers.append(session_on(log, OTHER_RUN))
        send_rest(newcomers[0], batch=2, stop=5)

    older = session_on(log, wait=take_over)
    send_rest(older, stop=3)
    log.faults[len(log.calls)] = fault
    with pytest.raises(Fenced, match="Another worker has continued the stream"):
        send_rest(older)
    check_whole(log, send_rest(newcomers[0]))


def test_a_new_run_is_not_begun_over_what_another_has_sent_of_the_old_one() -> None:
    log = FakeLog()
    newcomers: list[Session] = []

    def take_over(_: str) -> None:
        newcomers.append(session_on(log, OTHER_RUN))
        send_rest(newcomers[0], batch=2, stop=5)

    send_rest(session_on(log), stop=3)
    older = Session(lambda: log.connect(CONTENT), take_over, lambda: NOW_US)
    log.faults[len(log.calls) + 2] = Fault.LOST
    with pytest.raises(Fenced, match="Another worker has continued the stream"):
        older.open(fresh("c" * 32), lambda *_: True)
    check_whole(log, send_rest(newcomers[0]))


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.UNANSWERED])
@pytest.mark.parametrize("others", [1, 2, 3])
def test_a_takeover_while_a_commit_is_in_doubt_doubles_nothing(fault: Fault, others: int) -> None:
    """Another session moves the stream on while this one waits for the log to come back."""
    log = FakeLog()
    newcomers: list[Session] = []

    def take_over(_: str) -> None:
        newcomers.append(session_on(log, OTHER_RUN))
        first = newcomers[0].stream.frame_count
        send_rest(newcomers[0], batch=1, stop=min(first + others, FRAMES))

    older = session_on(log, wait=take_over)
    send_rest(older, batch=1, stop=2)
    log.faults[len(log.calls)] = fault
    with pytest.raises(Fenced):
        send_rest(older, batch=1, stop=3)
    check_whole(log, send_rest(session_on(log, OTHER_RUN)))


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.UNANSWERED])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_another_batch_of_another_session_is_not_taken_for_its_own(fault: Fault, size: int) -> None:
    log = FakeLog()

    def take_over(_: str) -> None:
        newer = session_on(log, OTHER_RUN)
        first = newer.stream.frame_count
        send_rest(newer, batch=size, stop=min(first + size, FRAMES))

    older = session_on(log, wait=take_over)
    log.faults[len(log.calls)] = fault
    with suppress(Fenced):
        send_rest(older)
    check_whole(log, send_rest(session_on(log, OTHER_RUN)))


def test_another_run_of_the_same_content_is_not_mixed_with_its_own() -> None:
    log = FakeLog()

    def take_over(_: str) -> None:
        send_rest(session_on(log, OTHER_RUN), stop=3)

    older = session_on(log, wait=take_over)
    log.faults[len(log.calls)] = Fault.LOST
    with pytest.raises(Fenced, match="Another worker has continued the stream"):
        send_rest(older)
    assert {written.run_id for written in log.frames} == {OTHER_RUN}


@pytest.mark.parametrize("fault", SURVIVABLE)
@pytest.mark.parametrize("call", range(len(CALLS_WITHOUT_FAULT) + 1))
def test_a_new_run_is_whole_beside_the_one_that_it_supersedes(call: int, fault: Fault) -> None:
    log = FakeLog()
    old = run_to_the_end(log)
    before = len(log.calls)
    log.faults[before + call] = fault
    new = run_to_the_end(log, name="another-name", supersedes=old.run_id)
    assert new.run_id != old.run_id
    assert new.stream_id == old.stream_id
    check_whole(log, new, other_runs=FRAMES)
