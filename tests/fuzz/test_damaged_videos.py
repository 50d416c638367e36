"""Whatever a file holds: frames without a gap, a sentence on the rest, and nothing worse."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fuzz.corpus import damaged_files, whole_files
from tests.fuzz.examiner import MEMORY_BYTES, Examiner, Finding
from tests.support.amounts import amount
from tests.support.ingest import Ingest

FILES = amount("FUZZ_FILES", 100)
SEED = amount("SEED", 1)
THROUGH_THE_SERVICE = 16
SENTENCE = re.compile(r"[A-Z0-9].*\.", re.DOTALL)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return whole_files(tmp_path_factory.mktemp("whole"))


def test_whole_files_are_whole(whole: dict[str, bytes], tmp_path: Path) -> None:
    """Otherwise the damaged ones would prove nothing."""
    with Examiner() as examiner:
        for name, content in whole.items():
            path = tmp_path / name
            path.write_bytes(content)
            found = examiner.examine(path)
            assert (found.sentence, found.fault) == (None, None), name
            assert found.frames >= 10


def test_damaged_files_do_no_harm(whole: dict[str, bytes], tmp_path: Path) -> None:
    findings: dict[str, Finding] = {}
    with Examiner() as one, Examiner() as two, ThreadPoolExecutor(2) as pool:
        idle = [one, two]

        def examine(file: tuple[str, bytes]) -> None:
            name, content = file
            path = tmp_path / name
            path.write_bytes(content)
            examiner = idle.pop()
            findings[name] = examiner.examine(path)
            idle.append(examiner)
            path.unlink()

        list(pool.map(examine, damaged_files(whole, SEED, FILES)))
    faults = {name: found.fault for name, found in findings.items() if found.fault}
    assert faults == {}, f"{len(faults)} of {FILES}"
    for name, found in findings.items():
        assert found.frames or found.sentence, name
        assert found.sentence is None or SENTENCE.fullmatch(found.sentence), found.sentence
        # What is mapped of files, such as libraries, is held and not counted by the limit.
        assert found.peak_bytes < MEMORY_BYTES + (256 << 20)
    kept = sum(found.frames > 0 for found in findings.values())
    refused = sum(found.frames == 0 for found in findings.values())
    assert kept > FILES // 5, "the damage is too heavy to prove anything"
    assert refused > FILES // 20, "the damage is too light to prove anything"


def test_damaged_files_through_the_service(
    whole: dict[str, bytes], ingest: Ingest, tmp_path: Path
) -> None:
    ingest.start(FRAMELOG_INGEST_INCOMPLETE_SECONDS="0.2", FRAMELOG_INGEST_CRASH_LIMIT="1")
    names = []
    for name, content in damaged_files(whole, SEED + 1, THROUGH_THE_SERVICE):
        path = tmp_path / name
        path.write_bytes(content)
        ingest.drop(path)
        names.append(name)
    for name in names:
        moved = ingest.wait_for_file(f"done/{name}", f"failed/{name}")
        if moved.parent.name == "failed":
            note = ingest.wait_for_file(f"failed/{name}.reason.txt").read_text("utf-8")
            assert SENTENCE.fullmatch(note.strip()), note
