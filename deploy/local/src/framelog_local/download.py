"""`python -m framelog_local.download CACHE`: brings the locked files from Maven Central.

`--jmx-exporter FOLDER` brings Kafka's agent alone, into the folder itself. Runs in a venv that has
jgo. What lands there has been verified; a broken download leaves nothing.
"""

from __future__ import annotations

import hashlib
import sys
import tarfile
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from jgo.maven import MavenContext, PythonResolver

from framelog_local.artifacts import Artifact, in_cache, is_jmx_exporter, is_registry, read_lock
from framelog_local.console import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPORT_SECONDS = 2.0
WORKERS = 8


class Progress:
    """Counts what has arrived and prints a line on it every few seconds."""

    def __init__(self, files: int) -> None:
        self._files = files
        self._done = 0
        self._bytes = 0
        self._reported = time.monotonic()
        self._lock = threading.Lock()

    @contextmanager
    def of_file(self, _name: str, _total_bytes: int) -> Iterator[Callable[[int], None]]:
        """Count one file, as jgo wants it: yields what takes each chunk's size in bytes."""
        yield self._add
        with self._lock:
            self._done += 1

    def _add(self, chunk_bytes: int) -> None:
        with self._lock:
            self._bytes += chunk_bytes
            if time.monotonic() - self._reported > REPORT_SECONDS:
                self._reported = time.monotonic()
                self._print()

    def _print(self) -> None:
        megabytes = self._bytes // 1_000_000
        say(f"Kafka and registry: {megabytes} MB, {self._done} of {self._files} files")


def download(cache: Path) -> None:
    """Bring what the cache lacks; raise OSError or RuntimeError when a file can't be had."""
    artifacts = read_lock()
    programs = in_cache(cache, artifacts)
    missing = [
        artifact
        for artifact in artifacts
        if not (
            programs.registry.is_dir()
            if is_registry(artifact)
            else (cache / "kafka" / artifact.filename).is_file()
        )
    ]
    # The archive first: it takes as long as all the jars.
    missing.sort(key=is_registry, reverse=True)
    (cache / "kafka").mkdir(parents=True, exist_ok=True)
    with staging(cache, len(missing)) as context, ThreadPoolExecutor(WORKERS) as workers:

        def bring(artifact: Artifact) -> None:
            path = fetch(context, artifact)
            if is_registry(artifact):
                unpack(path, programs.registry)
            else:
                path.replace(cache / "kafka" / artifact.filename)

        list(workers.map(bring, missing))


def download_jmx_exporter(folder: Path) -> None:
    """Bring Kafka's agent into the folder; raise OSError or RuntimeError when it can't be had."""
    agent = next(filter(is_jmx_exporter, read_lock()))
    folder.mkdir(parents=True, exist_ok=True)
    with staging(folder, 1) as context:
        fetch(context, agent).replace(folder / agent.filename)


@contextmanager
def staging(folder: Path, files: int) -> Iterator[MavenContext]:
    """Give a way to Maven Central that puts so many files into a folder of its own in this one.

    For the tests and `make up` may fill the cache at the same time.
    """
    progress = Progress(files)
    with tempfile.TemporaryDirectory(dir=folder, prefix="staging-") as own:
        yield MavenContext(
            resolver=PythonResolver(progress_callback=progress.of_file),
            repo_cache=Path(own),
            local_repos=[],
            timeout=30,
        )


def fetch(context: MavenContext, artifact: Artifact) -> Path:
    """Return the file, downloaded and verified against the lock; try again once."""
    wanted = context.project(artifact.group, artifact.name).at_version(artifact.version)
    for _ in range(2):
        path = wanted.artifact(artifact.classifier, artifact.packaging).resolve()
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == artifact.sha256:
                return path
        path.unlink()
    raise RuntimeError(f"{artifact.filename} is not the file that artifacts.lock names")


def unpack(archive: Path, folder: Path) -> None:
    """Unpack into the folder, which appears only when it is whole."""
    partial = archive.with_suffix(".unpacked")
    with tarfile.open(archive) as tar:
        # Python 3.11's first releases don't have the filter; the archive is verified either way.
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
        tar.extractall(partial)  # noqa: S202
    if not folder.is_dir():
        partial.rename(folder)


def main() -> int:
    """Return the exit code; the last line on stderr says what went wrong."""
    try:
        if sys.argv[1] == "--jmx-exporter":
            download_jmx_exporter(Path(sys.argv[2]))
        else:
            download(Path(sys.argv[1]))
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        sys.stderr.write(
            f"Kafka and the registry can't be downloaded: {reason}. "
            "See that Maven Central can be reached, then run the command again.\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
