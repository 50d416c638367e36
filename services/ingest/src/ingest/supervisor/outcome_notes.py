"""The outcome of a file: done/ or failed/, and the words of the note beside it."""

from dataclasses import dataclass

from ingest.model.stream import State
from ingest.worker.messages import Ended


@dataclass(frozen=True)
class Outcome:
    """The result of a file: done/ if whole, else failed/; the note beside it; its metric label."""

    whole: bool
    note: str | None
    result: str


def outcome_of(ended: Ended) -> Outcome:
    """Return the outcome. A file that is not wholly in the log goes to failed/, never to done/."""
    whole = ended.state is State.COMPLETE
    note = ended.error
    if ended.duplicate:
        note = f"Its content is in the log already, as {ended.stream_id}: no frame was sent."
        if not whole:
            note += f" That stream is not complete either. Its note, for {ended.source_name!r}: "
            note += f"{ended.error}"
        return Outcome(whole, note, "duplicate")
    if ended.state is State.TRUNCATED:
        note = (
            f"{ended.error} The {ended.frame_count} frames that could be decoded are in the "
            f"log, as {ended.stream_id}."
        )
    return Outcome(whole, note, ended.state.value.lower())
