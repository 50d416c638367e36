"""What becomes of a file whose stream has ended."""

from dataclasses import dataclass

from ingest.model.stream import State
from ingest.worker.messages import Ended


@dataclass(frozen=True)
class Outcome:
    """Whether a file goes to done/ or else to failed/, the note beside it, and one word for it."""

    whole: bool
    note: str | None
    result: str


def outcome_of(ended: Ended) -> Outcome:
    """Judge: a file of which something is not in the log may be the only whole copy."""
    whole = ended.state is State.COMPLETE
    note = ended.error
    if ended.duplicate:
        note = f"Its content is in the log already, as {ended.stream_id}: no frame was sent."
        if not whole:
            note += f" What is missing there is missing here too. Of {ended.source_name!r} it was "
            note += f"said: {ended.error}"
        return Outcome(whole, note, "duplicate")
    if ended.state is State.TRUNCATED:
        note = (
            f"{ended.error} The {ended.frame_count} frames that could be decoded are in the "
            f"log, as {ended.stream_id}."
        )
    return Outcome(whole, note, ended.state.value.lower())
