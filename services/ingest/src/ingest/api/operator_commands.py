"""The commands of operators: files, retry, reprocess, forget, pause and resume."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ingest.api import file_listing
from ingest.api.stream_catalogue import Catalogue
from ingest.inbox.folders import Folders
from ingest.inbox.marker_files import Marks
from ingest.inbox.open_file import HeldFile, holds
from ingest.model.errors import Refused, Unknown, Unreadable
from ingest.model.stream import State, Stream
from ingest.model.wording import printable
from ingest.worker.messages import FileProgress


class OperatorCommands:
    """Carries out the commands. Any thread may call its methods.

    It shares no state with the scheduler: it moves files and sets marks, which the next scan
    finds as if a person had done so, and reads the latest list of files at work. So no command
    blocks the main loop, however long Kafka takes.

    Raises Unknown, Refused, and Unavailable if Kafka or the registry is unavailable. Then nothing
    has changed.
    """

    def __init__(
        self,
        folders: Folders,
        catalogue: Catalogue,
        at_work: Callable[[], Sequence[FileProgress]],
    ) -> None:
        self._folders = folders
        self._catalogue = catalogue
        self._at_work = at_work
        self._marks = Marks(folders.root)
        self._failed = file_listing.EndedFiles(folders.failed, "failed")
        self._done = file_listing.EndedFiles(folders.done, "done")
        self._changing = threading.Lock()

    def files(self, newest: int) -> dict[str, Any]:
        """List the newest files of each state, and how many there are."""
        folders = self._folders
        by_state = {
            "waiting": file_listing.waiting(folders.incoming, self._at_work(), newest),
            "ingesting": file_listing.ingesting(folders.processing, self._at_work(), newest),
            "failed": self._failed.newest(newest),
            "done": self._done.newest(newest),
        }
        return {
            "paused": self._marks.paused,
            "totals": {state: total for state, (total, _) in by_state.items()},
            "files": [asdict(entry) for _, entries in by_state.values() for entry in entries],
        }

    def retry(self, name: str) -> dict[str, Any]:
        """Move a file of failed/ back to incoming/; its TRUNCATED stream is sent as a new run."""
        with self._one_at_a_time():
            path = file_listing.find(self._folders.failed, name)
            if path is None:
                raise Unknown(f"There is no file {name!r} in failed/.")
            for video in file_listing.videos(path):
                held = self._holding(video)
                if held is not None and held.state is State.TRUNCATED:
                    self._marks.supersede(held.fingerprint, held.run_id)
            return self._give_back(path)

    def reprocess(self, stream_id: str) -> dict[str, Any]:
        """Send an ended stream again, as a new run: its file goes back to incoming/."""
        with self._one_at_a_time():
            stream = self._stream(stream_id)
            if not stream.ended:
                raise Refused(
                    f"{stream_id} is being ingested. If its file was removed, drop the file into "
                    "incoming/ again: ingest continues where it stopped."
                )
            path = self._file_of(stream)
            if path is None:
                raise Refused(
                    f"The file of {stream_id} is neither in done/ nor in failed/: to send it "
                    "again, put the file back there and repeat the command."
                )
            if stream.holds_frames:
                self._marks.supersede(stream.fingerprint, stream.run_id)
            return {**self._give_back(_dropped(path, self._folders)), "stream_id": stream_id}

    def forget(self, stream_id: str) -> dict[str, Any]:
        """Remove a stream from the catalogue and the index; its frames stay until they expire."""
        with self._one_at_a_time():
            stream = self._stream(stream_id)
            if self._is_at_work(stream):
                raise Refused(f"{stream_id} is being ingested: wait until it has ended.")
            self._catalogue.forget(stream)
            self._marks.clear(stream.fingerprint)
            return {"message": f"{stream_id} is forgotten.", "stream_id": stream_id}

    def pause(self) -> dict[str, Any]:
        """Pause intake of all replicas until resume; files being processed continue."""
        self._marks.pause()
        return {"message": "Intake is paused; files being processed continue.", "paused": True}

    def resume(self) -> dict[str, Any]:
        """Resume intake."""
        self._marks.resume()
        return {"message": "Intake is resumed.", "paused": False}

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Allow one change at a time, so that slow requests do not occupy every thread."""
        if not self._changing.acquire(blocking=False):
            raise Refused("Another change is in progress: try again in a moment.")
        try:
            yield
        finally:
            self._changing.release()

    def _stream(self, stream_id: str) -> Stream:
        stream = self._catalogue.stream(stream_id)
        if stream is None:
            raise Unknown(f"There is no stream {stream_id!r}.")
        return stream

    def _is_at_work(self, stream: Stream) -> bool:
        if any(work.fingerprint == stream.fingerprint for work in self._at_work()):
            return True
        elsewhere = file_listing.claimed(self._folders.processing)
        names = {printable(path.name) for path in elsewhere}
        # The name of a video in a folder begins with the folder's name.
        return not stream.ended and stream.source_name.partition("/")[0] in names

    def _file_of(self, stream: Stream) -> Path | None:
        for folder in (self._folders.done, self._folders.failed):
            files = file_listing.with_size(folder, stream.source_bytes)
            named = folder / stream.source_name
            for path in [*(p for p in files if p == named), *(p for p in files if p != named)]:
                with _readable(path):
                    if holds(path, stream.fingerprint, stream.content_sha256):
                        return path
        return None

    def _holding(self, path: Path) -> Stream | None:
        """Return the stream that has, or receives, a file's content."""
        with _readable(path), HeldFile(path) as file:
            content = file.identify(lambda: None)
            held = self._catalogue.holding(content.fingerprint)
            if held is None or content.is_whole or held.content_sha256 is None:
                return held
            whole = file.sha256(lambda: None)
            return held if held.content_sha256 == whole else self._catalogue.holding(whole)

    def _give_back(self, path: Path) -> dict[str, Any]:
        moved = self._folders.give_back(path)
        if moved is None:
            raise Unknown(f"{printable(path.name)!r} was removed meanwhile.")
        name = printable(moved.name)
        return {"message": f"{name} is in incoming/ again.", "name": name}


def _dropped(path: Path, folders: Folders) -> Path:
    """Return the file, or the dropped folder of done/ or failed/ that contains it."""
    ends = (folders.done, folders.failed)
    return next((each for each in (path, *path.parents) if each.parent in ends), path)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raise Refused if a file can't be read."""
    try:
        yield
    except Unreadable as error:
        reason = getattr(error.__cause__, "strerror", None) or error
        raise Refused(f"{printable(path.name)!r} can't be read: {reason}.") from error
