"""A folder of images: recognizes it, and reads nothing outside of it."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from ingest.media.folder_entries import MOST_ENTRIES, is_image, natural
from ingest.model.errors import Unreadable
from ingest.model.wording import worded


@dataclass(frozen=True)
class Survey:
    """What lies in a folder, hidden things apart.

    images: names and sizes in bytes, in the order in which they are shown. stranger: something
    that is no image, so that the folder is not a sequence; links and folders never are.
    """

    images: tuple[tuple[str, int], ...]
    stranger: str | None
    changed_ns: int

    @property
    def size_bytes(self) -> int:
        """The images' together."""
        return sum(size for _, size in self.images)

    @property
    def why_not(self) -> str | None:
        """Say why it is not a sequence, as the end of a sentence; None where it is one."""
        if len(self.images) > MOST_ENTRIES:
            return f"a folder of more than {MOST_ENTRIES} images: divide it"
        if self.stranger is not None:
            return f"a folder that holds something else than images: {self.stranger!r}"
        return None if self.images else "an empty folder"


def survey(folder: Path | int) -> Survey:
    """Look at a folder, given by its path or as a descriptor. Raises OSError.

    Of one that holds more than may be in it, only so much is looked at.
    """
    images: list[tuple[str, int]] = []
    strangers: list[str] = []
    changed_ns = os.stat(folder).st_mtime_ns  # noqa: PTH116  (a descriptor has no Path)
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            status = entry.stat(follow_symlinks=False)
            changed_ns = max(changed_ns, status.st_mtime_ns)
            if stat.S_ISREG(status.st_mode) and is_image(entry.name):
                images.append((entry.name, status.st_size))
            else:
                strangers.append(entry.name)
            if len(images) + len(strangers) > MOST_ENTRIES:
                break
    images.sort(key=lambda image: (natural(image[0]), image[0]))
    return Survey(tuple(images), min(strangers, default=None), changed_ns)


def size_bytes(path: Path) -> int:
    """Return the size of a file or, of a folder, that of its images. Raises OSError."""
    status = path.lstat()
    return survey(path).size_bytes if stat.S_ISDIR(status.st_mode) else status.st_size


class ImageFolder:
    """See image_sequence.Images: a folder that is open, and may be moved meanwhile.

    Nothing outside of it is read: links are not followed. Raises Unreadable, with a sentence.
    """

    what = "the folder"
    container = "image2"

    def __init__(self, folder: Path | int) -> None:
        """Take the folder's path, or a descriptor of it, which stays the caller's."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            if isinstance(folder, int):
                self._folder = os.open(".", flags, dir_fd=folder)
            else:
                self._folder = os.open(folder, flags)
        except OSError as error:
            raise Unreadable(f"The folder can't be opened: {error.strerror}.") from error
        try:
            self._survey = survey(self._folder)
            if self._survey.why_not is not None:
                raise Unreadable(f"The folder can't be taken: it is {self._survey.why_not}.")
        except OSError as error:
            self.close()
            raise Unreadable(f"The folder can't be read: {error.strerror}.") from error
        except Unreadable:
            self.close()
            raise
        self.names = [name for name, _ in self._survey.images]

    def read(self, number: int, most_bytes: int) -> bytes | None:
        """See image_sequence.Images."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            opened = os.open(self.names[number], flags, dir_fd=self._folder)
            with open(opened, "rb") as file:  # noqa: PTH123  (a Path has no dir_fd)
                status = os.fstat(opened)
                if not stat.S_ISREG(status.st_mode) or status.st_size > most_bytes:
                    return None
                return file.read(most_bytes)
        except OSError:
            return None

    def shortfall(self) -> str | None:
        """See image_sequence.Images. Images that came, went or changed since were not sent."""
        try:
            now = survey(self._folder).images
        except OSError as error:
            return f"The folder can't be read any more: {error.strerror}."
        changed = {name for name, _ in set(self._survey.images) ^ set(now)}
        if changed:
            return worded(
                len(changed),
                "The folder was changed while it was ingested: 1 image differs.",
                f"The folder was changed while it was ingested: {len(changed)} images differ.",
            )
        return None

    def close(self) -> None:
        """See image_sequence.Images."""
        os.close(self._folder)
