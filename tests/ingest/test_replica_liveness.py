"""Signs of life where locks are seen, where they are not, and where there are none."""

import errno
import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from ingest.inbox import replica_liveness
from ingest.inbox.folders import Folders
from ingest.inbox.replica_liveness import ALIVE, OtherReplicas, OwnHeartbeat

from tests.ingest.clock import FakeClock
from tests.ingest.replicas import TAKEOVER_SECONDS, claimed, replica
from tests.support.processes import wait_for


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "processing" / "one"
    made.mkdir(parents=True)
    return made


def on_another_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From here on, whoever looks runs by another kernel, and sees no lock of the first one's."""
    boot_id = tmp_path / "boot_id"
    boot_id.write_text("11111111-2222-3333-4444-555555555555\n", encoding="ascii")
    monkeypatch.setattr(replica_liveness, "_BOOT_ID", boot_id)
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)


def by_another_mount(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It was locked by another mount of the same folder, of which locks are not seen here."""
    (alive,) = tmp_path.glob(f"processing/*/{ALIVE}")
    boot_id, _ = alive.read_text(encoding="ascii").split()
    alive.write_text(f"{boot_id} 999999\n", encoding="ascii")
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)


@pytest.mark.parametrize("elsewhere", [on_another_host, by_another_mount])
def test_a_lock_that_can_not_be_seen_proves_no_death(
    folder: Path,
    tmp_path: Path,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    elsewhere: Callable[[pytest.MonkeyPatch, Path], None],
) -> None:
    own, others = OwnHeartbeat(folder), OtherReplicas(TAKEOVER_SECONDS, clock)
    own.beat()
    with monkeypatch.context() as patch:
        elsewhere(patch, tmp_path)
        for beat in range(1, 10):
            os.utime(folder / ALIVE, ns=(beat, beat))
            assert not others.is_dead(folder)
            clock.seconds += TAKEOVER_SECONDS * 0.9
        assert not others.is_dead(folder)
        clock.seconds += TAKEOVER_SECONDS + 0.1
        assert others.is_dead(folder), "the heartbeat decides"
    own.end()


def test_where_its_lock_is_seen_a_death_is_known_at_once(folder: Path, clock: FakeClock) -> None:
    own, others = OwnHeartbeat(folder), OtherReplicas(TAKEOVER_SECONDS, clock)
    (folder / "a.mp4").touch()
    own.beat()
    assert not others.is_dead(folder)
    own.end()
    assert others.is_dead(folder)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EINVAL, errno.ENOLCK, errno.EOPNOTSUPP])
def test_without_locks_the_heartbeat_decides(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", fail)
    one = Folders(tmp_path, "one", TAKEOVER_SECONDS, FakeClock())
    one.prepare()
    claimed(one)
    with replica(tmp_path, "two", clock) as two:
        for beat in range(1, 5):
            os.utime(tmp_path / "processing" / "one" / ALIVE, ns=(beat, beat))
            assert list(two.orphans()) == []
            clock.seconds += TAKEOVER_SECONDS * 0.9
        one.release()
        clock.seconds += TAKEOVER_SECONDS * 0.2
        (taken,) = two.orphans()
        assert two.owns(taken)
        assert not (tmp_path / "processing" / "one").exists()


def test_a_file_of_an_earlier_version_says_nothing_of_its_lock(
    folder: Path, clock: FakeClock
) -> None:
    (folder / ALIVE).touch()
    others = OtherReplicas(TAKEOVER_SECONDS, clock)
    assert not others.is_dead(folder)
    clock.seconds += TAKEOVER_SECONDS + 0.1
    assert others.is_dead(folder)


def test_a_full_disk_keeps_no_replica_from_showing_life(
    folder: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ingest.inbox.replica_liveness.os.pwrite", fail)
    own = OwnHeartbeat(folder)
    own.beat()
    own.end()


def test_one_that_looks_at_the_lock_aborts_no_start(folder: Path) -> None:
    """It holds the lock for a moment; who starts just then tries again."""
    waited: list[float] = []
    with (folder / ALIVE).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)

        def pause(seconds: float) -> None:
            waited.append(seconds)
            fcntl.flock(file, fcntl.LOCK_UN)

        own = OwnHeartbeat(folder, pause)
        own.beat()
        own.end()
    assert len(waited) == 1


def test_one_that_takes_over_what_was_left_aborts_no_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder goes between its making and the opening of the file in it."""
    opened = os.open
    gone: list[Path] = []

    def late(path: Path, *how: int) -> int:
        if path == folder / ALIVE and not gone:
            gone.append(path)
            folder.rmdir()
        return opened(path, *how)

    monkeypatch.setattr("ingest.inbox.replica_liveness.os.open", late)
    own = OwnHeartbeat(folder, lambda _: None)
    own.beat()
    assert (folder / ALIVE).exists()
    own.end()


def test_one_that_lives_again_is_not_buried(folder: Path, clock: FakeClock) -> None:
    (folder / ALIVE).touch()
    others = OtherReplicas(TAKEOVER_SECONDS, clock)
    others.is_dead(folder)
    clock.seconds += TAKEOVER_SECONDS + 0.1
    assert others.is_dead(folder)
    own = OwnHeartbeat(folder)
    own.beat()  # one of the same name has been started since
    others.remove_heartbeat(folder)
    assert (folder / ALIVE).exists()
    own.end()


def test_a_file_that_another_host_has_removed_is_made_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS says of what is open then that its handle is stale, and so it does for ever."""
    own = OwnHeartbeat(folder)
    own.beat()
    (folder / ALIVE).unlink()
    stale = {own._descriptor}
    known = os.fstat

    def fstat(descriptor: int) -> os.stat_result:
        if descriptor in stale:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return known(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr("ingest.inbox.replica_liveness.os.fstat", fstat)
        patch.setattr("ingest.inbox.replica_liveness.os.close", lambda _: stale.clear())
        own.beat()
    assert (folder / ALIVE).exists()
    own.end()


def test_where_only_what_is_open_for_writing_can_be_locked_the_dead_are_buried(
    folder: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS and CIFS make an exclusive lock one of bytes, which asks for that (flock(2))."""
    known = fcntl.flock

    def flock(file: int, how: int) -> None:
        is_writable = fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
        if how & fcntl.LOCK_EX and not is_writable:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        known(file, how)

    own, others = OwnHeartbeat(folder), OtherReplicas(TAKEOVER_SECONDS, clock)
    (folder / "a.mp4").touch()
    own.beat()
    own.end()
    monkeypatch.setattr(fcntl, "flock", flock)
    assert others.is_dead(folder)
    others.remove_heartbeat(folder)
    assert not (folder / ALIVE).exists()


def test_a_folder_that_is_removed_while_it_is_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica's start goes on, though another has just removed what is left of the one before."""
    mine = tmp_path / "processing" / "one"
    mine.mkdir(parents=True)
    known = Path.is_dir
    removed: list[Path] = []

    def is_dir(path: Path) -> bool:  # which mkdir asks where the folder is there
        if path == mine and not removed:
            removed.append(path)
            mine.rmdir()
        return known(path)

    monkeypatch.setattr(Path, "is_dir", is_dir)
    with replica(tmp_path, "one") as one:
        assert removed
        assert one.owns(claimed(one))


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ESTALE])
def test_a_replica_that_ends_meanwhile_aborts_no_look(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """What it had is gone, or stale on NFS, when others come to look at it."""
    for name in ("ended", "left"):
        (tmp_path / "processing" / name).mkdir(parents=True)
    (tmp_path / "processing" / "left" / "a.mp4").touch()
    known = Path.lstat

    def lstat(path: Path) -> os.stat_result:
        if path.name == "ended":
            raise OSError(number, os.strerror(number))
        return known(path)

    with replica(tmp_path, "one", clock) as one:
        assert list(one.orphans()) == []
        clock.seconds += TAKEOVER_SECONDS + 0.1
        with monkeypatch.context() as patch:
            patch.setattr(Path, "lstat", lstat)
            (taken,) = one.orphans()
        assert one.owns(taken)


def test_replicas_that_start_and_stop_beside_each_other_abort_nothing(tmp_path: Path) -> None:
    """Looks and starts go on while others come and go, under names that are used again."""
    failures: list[BaseException] = []
    rounds = [0, 0, 0]
    over = threading.Event()

    def come_and_go(number: int) -> None:
        try:
            while not over.is_set():
                folders = Folders(tmp_path, f"replica-{number}", 0.001, FakeClock())
                folders.prepare()
                for _ in range(5):
                    list(folders.orphans())
                    folders.claimed()
                    folders.tidy()
                folders.release()
                rounds[number] += 1
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=come_and_go, args=(n,), daemon=True) for n in range(3)]
    for thread in threads:
        thread.start()
    wait_for(lambda: failures or min(rounds) >= 100)
    over.set()
    for thread in threads:
        thread.join(60)
    assert failures == []
