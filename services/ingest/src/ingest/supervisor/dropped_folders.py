"""Claimed folders of videos: what has ended in each, and where it goes in the end."""

import logging
import stat
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ingest.inbox.control_marks import Marks
from ingest.inbox.folders import Folders
from ingest.media.fingerprint import printable
from ingest.media.video_folder import Contents, contents
from ingest.model.wording import worded
from ingest.supervisor.outcome import Verdict
from ingest.supervisor.tracked_file import Candidate

_MOST_TOLD = 50
_LATER_SECONDS = 1.0

log = logging.getLogger(__name__)


@dataclass
class Card:
    """A folder of videos that is claimed; verdicts are those of the videos that have ended."""

    path: Path
    contents: Contents
    videos: Sequence[str]
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)
    """Those of its videos that came after it was claimed."""
    inodes: set[int] = field(default_factory=set)
    """Those of its videos that are marked as begun until the folder has been moved."""
    not_before: float = 0.0

    @property
    def left(self) -> list[Path]:
        """The videos that have not ended."""
        return [self.path / name for name in self.videos if name not in self.verdicts]

    @property
    def is_whole(self) -> bool:
        """Whether everything of all videos is in the log."""
        return all(verdict.whole for verdict in self.verdicts.values())

    @property
    def note(self) -> str | None:
        """Say what is to be known of the folder, a line for each video of which something is."""
        note = ""
        verdicts = self.verdicts.items()
        told = [(name, each) for name, each in verdicts if not each.whole]
        if told:
            count = len(verdicts)
            note = worded(
                len(told),
                f"1 of {count} videos in the folder is not whole in the log.",
                f"{len(told)} of {count} videos in the folder are not whole in the log.",
            )
            if count == 1:
                note = "The only video in the folder is not whole in the log."
        told += [(name, each) for name, each in verdicts if each.whole and each.note]
        lines = [f"{printable(name)}: {each.note}" for name, each in told[:_MOST_TOLD]]
        if len(told) > _MOST_TOLD:
            lines.append(f"{len(told) - _MOST_TOLD} more.")
        if self.contents.others:
            others, images = self.contents.others, self.contents.images
            left = worded(
                others, "1 other file was left alone", f"{others} other files were left alone"
            )
            lines.append(f"{left}, {images} {worded(images, 'image', 'images')} among them.")
        return "\n".join([note, *lines] if note else lines) or None


class Cards:
    """The folders of videos that this replica has claimed. Nothing of it outlives the process."""

    def __init__(self, folders: Folders, now: Callable[[], float]) -> None:
        """Take the folders, and a monotonic clock in seconds."""
        self._folders = folders
        self._marks = Marks(folders.root)
        self._now = now
        self._cards: dict[Path, Card] = {}
        self._others: set[Path] = set()

    def videos(self, claimed: Path) -> list[Path] | None:
        """Return the videos that have not ended in what was claimed; None if it is no card."""
        if claimed in self._others:
            return None
        card = self._cards.get(claimed)
        if card is None:
            within = _contents(claimed)
            if within is None:
                self._others.add(claimed)
                return None
            card = self._cards[claimed] = Card(claimed, within, within.in_order)
        return card.left

    def is_late(self, video: Path, within: Path | None) -> bool:
        """Whether a video came to its folder after that was claimed: it may not be whole yet."""
        card = self._cards.get(within) if within is not None else None
        return card is not None and str(video.relative_to(card.path)) in card.late

    def keep(self, claimed: Collection[Path]) -> None:
        """Forget all but these."""
        self._others &= set(claimed)
        self._cards = {path: card for path, card in self._cards.items() if path in claimed}

    def ended(self, candidate: Candidate, verdict: Verdict) -> None:
        """Note what became of a video.

        Its mark is kept until the folder is moved: after a restart each video is begun with
        again, and the mark tells that what the log has of it is its own.
        """
        card = self._cards.get(candidate.within) if candidate.within is not None else None
        if card is not None:
            card.verdicts[str(candidate.path.relative_to(card.path))] = verdict
            if candidate.ended is not None and candidate.ended.sight is not None:
                card.inodes.add(candidate.ended.sight.inode)

    def finish(self) -> None:
        """Move the folders of which all videos have ended; one that can't be moved, later."""
        for card in list(self._cards.values()):
            if card.left or card.not_before > self._now():
                continue
            if _has_more(card):
                log.info("event=folder_grew file=%r next='go on'", card.path.name)
                continue
            folder = self._folders.done if card.is_whole else self._folders.failed
            try:
                moved = self._folders.finish(card.path, folder, card.note)
            except OSError as error:
                log.error("event=not_moved file=%r reason=%r", card.path.name, str(error))
                card.not_before = self._now() + _LATER_SECONDS
                continue
            del self._cards[card.path]
            if moved is not None:
                for inode in card.inodes:
                    self._marks.end(inode)
            log.info(
                "event=folder_ended file=%r videos=%d moved_to=%r",
                card.path.name,
                len(card.verdicts),
                str(moved.relative_to(self._folders.root)) if moved else None,
            )


def _has_more(card: Card) -> bool:
    """Have the videos be a card's that were not there when it was last looked at, if there are."""
    now = _contents(card.path)
    if now is None:
        return False
    new = [name for name in now.in_order if name not in card.verdicts]
    card.contents, card.videos = now, [*card.videos, *new]
    card.late.update(new)
    return bool(new)


def _contents(claimed: Path) -> Contents | None:
    try:
        if not stat.S_ISDIR(claimed.lstat().st_mode):
            return None
        within = contents(claimed)
    except OSError:
        return None  # its worker says so
    return within if within.videos and not within.is_sequence else None
