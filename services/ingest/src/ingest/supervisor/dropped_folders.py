"""Dropped folders of videos: the outcome of each video, and where the folder goes."""

import logging
import stat
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ingest.inbox.folders import Folders
from ingest.media.video_folder import Contents, contents
from ingest.model.wording import printable, worded
from ingest.supervisor.outcome_notes import Outcome
from ingest.supervisor.tracked_file import TrackedFile

_MOST_LISTED = 50
_LATER_SECONDS = 1.0

log = logging.getLogger(__name__)


@dataclass
class DroppedFolder:
    """A claimed folder of videos; outcomes are those of the videos that have ended."""

    path: Path
    contents: Contents
    videos: Sequence[str]
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)
    """The videos that arrived after it was claimed."""
    inodes: set[int] = field(default_factory=set)
    """The videos whose marks stay until the folder has been moved."""
    not_before: float = 0.0

    @property
    def left(self) -> list[Path]:
        """The videos that have not ended."""
        return [self.path / name for name in self.videos if name not in self.outcomes]

    @property
    def is_whole(self) -> bool:
        """Whether everything of all videos is in the log."""
        return all(outcome.whole for outcome in self.outcomes.values())

    @property
    def note(self) -> str | None:
        """The text of the note beside the folder, with a line for each video that needs one."""
        note = ""
        outcomes = self.outcomes.items()
        noted = [(name, each) for name, each in outcomes if not each.whole]
        if noted:
            count = len(outcomes)
            note = worded(
                len(noted),
                f"1 of {count} videos in the folder is not whole in the log.",
                f"{len(noted)} of {count} videos in the folder are not whole in the log.",
            )
            if count == 1:
                note = "The only video in the folder is not whole in the log."
        noted += [(name, each) for name, each in outcomes if each.whole and each.note]
        lines = [f"{printable(name)}: {each.note}" for name, each in noted[:_MOST_LISTED]]
        if len(noted) > _MOST_LISTED:
            lines.append(f"{len(noted) - _MOST_LISTED} more.")
        if self.contents.others:
            others, images = self.contents.others, self.contents.images
            left = worded(
                others, "1 other file was left alone", f"{others} other files were left alone"
            )
            lines.append(f"{left}, {images} {worded(images, 'image', 'images')} among them.")
        return "\n".join([note, *lines] if note else lines) or None


class DroppedFolders:
    """The folders of videos that this replica has claimed. In memory only; for the main thread."""

    def __init__(self, folders: Folders, now: Callable[[], float]) -> None:
        """Take the folders, and a monotonic clock in seconds."""
        self._folders = folders
        self._now = now
        self._dropped: dict[Path, DroppedFolder] = {}
        self._others: set[Path] = set()

    def videos(self, claimed: Path) -> list[Path] | None:
        """Return the videos of a claimed folder that have not ended; None if it has none."""
        if claimed in self._others:
            return None
        dropped = self._dropped.get(claimed)
        if dropped is None:
            within = _contents(claimed)
            if within is None:
                self._others.add(claimed)
                return None
            dropped = self._dropped[claimed] = DroppedFolder(claimed, within, within.in_order)
        return dropped.left

    def is_late(self, video: Path, within: Path | None) -> bool:
        """Whether a video arrived after its folder was claimed: it may not be whole yet."""
        dropped = self._dropped.get(within) if within is not None else None
        return dropped is not None and str(video.relative_to(dropped.path)) in dropped.late

    def keep(self, claimed: Collection[Path]) -> None:
        """Forget all but these."""
        self._others &= set(claimed)
        self._dropped = {
            path: dropped for path, dropped in self._dropped.items() if path in claimed
        }

    def ended(self, file: TrackedFile, outcome: Outcome) -> None:
        """Note the outcome of a video.

        Its mark stays until the folder is moved: after a restart each video is begun again, and
        the mark shows that what the log has of it is its own.
        """
        dropped = self._dropped.get(file.within) if file.within is not None else None
        if dropped is not None:
            dropped.outcomes[str(file.path.relative_to(dropped.path))] = outcome
            if file.ended is not None and file.ended.file_state is not None:
                dropped.inodes.add(file.ended.file_state.inode)

    def finish(self) -> None:
        """Move the folders whose videos have all ended. If the disk refuses, try again later."""
        for dropped in list(self._dropped.values()):
            if dropped.left or dropped.not_before > self._now():
                continue
            if _has_grown(dropped):
                log.info("event=folder_grew file=%r next='ingest new videos'", dropped.path.name)
                continue
            folder = self._folders.done if dropped.is_whole else self._folders.failed
            try:
                moved = self._folders.finish(dropped.path, folder, dropped.note)
            except OSError as error:
                log.error("event=not_moved file=%r reason=%r", dropped.path.name, str(error))
                dropped.not_before = self._now() + _LATER_SECONDS
                continue
            del self._dropped[dropped.path]
            if moved is not None:
                for inode in dropped.inodes:
                    self._folders.marks.end(inode)
            log.info(
                "event=folder_ended file=%r videos=%d moved_to=%r",
                dropped.path.name,
                len(dropped.outcomes),
                str(moved.relative_to(self._folders.root)) if moved else None,
            )


def _has_grown(dropped: DroppedFolder) -> bool:
    """Add the videos that have arrived since the folder was last read; False if there are none."""
    now = _contents(dropped.path)
    if now is None:
        return False
    new = [name for name in now.in_order if name not in dropped.outcomes]
    dropped.contents, dropped.videos = now, [*dropped.videos, *new]
    dropped.late.update(new)
    return bool(new)


def _contents(claimed: Path) -> Contents | None:
    try:
        if not stat.S_ISDIR(claimed.lstat().st_mode):
            return None
        within = contents(claimed)
    except OSError:
        return None  # its worker says so
    return within if within.videos and not within.is_sequence else None
