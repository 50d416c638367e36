"""A camera's card: a folder with videos in it, dropped whole, killed, retried and sent again."""

import shutil
from pathlib import Path

import pytest
import requests

from tests.support.cluster import Cluster, Topics
from tests.support.ingest import Ingest, verify
from tests.support.log_reader import LogReader
from tests.support.processes import wait_for
from tests.support.videos import Recipe, make_video

SOON = {"FRAMELOG_INGEST_INCOMPLETE_SECONDS": "1", "FRAMELOG_INGEST_RESCAN_SECONDS": "0.2"}
FRAMES = 30
VIDEOS = ("DCIM/100GOPRO/GX010001.MP4", "DCIM/101GOPRO/GX010001.MP4", "AVCHD/STREAM/00000.MTS")


@pytest.fixture
def card(tmp_path: Path) -> Path:
    made = tmp_path / "card"
    for number, name in enumerate(VIDEOS):
        path = made / name
        path.parent.mkdir(parents=True)
        whole = make_video(
            tmp_path / f"{number}{path.suffix.lower().replace('mts', 'ts')}",
            Recipe(FRAMES, 64, 48, first=number * 100),
        )
        shutil.copy(whole, path)
    (made / "DCIM" / "100GOPRO" / "GX010001.THM").write_bytes(b"thumbnail")
    return made


def drop(ingest: Ingest, card: Path, name: str = "card") -> None:
    hidden = ingest.videos / "incoming" / ".being-copied"
    shutil.copytree(card, hidden)
    hidden.rename(ingest.videos / "incoming" / name)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def states(cluster: Cluster, topics: Topics) -> dict[str, tuple[str, int]]:
    latest = {r.key: r.value for r in LogReader(cluster).read(topics.streams)}
    return {v["source_name"]: (v["state"], v["frame_count"]) for v in latest.values()}


def test_each_video_of_a_card_is_a_stream(
    cluster: Cluster, topics: Topics, ingest: Ingest, card: Path
) -> None:
    ingest.start(**SOON)
    drop(ingest, card)
    done = ingest.wait_for_file("done/card", "failed/card")
    assert done.parent.name == "done"
    assert tree(done) == tree(card)
    whole = {f"card/{name}": ("COMPLETE", FRAMES) for name in VIDEOS}
    assert states(cluster, topics) == whole
    status, said = verify(topics.environment, "all")
    assert status == 0, said

    drop(ingest, card, "the same")
    note = ingest.wait_for_file("done/the same.reason.txt").read_text()
    assert note.count("in the log already, as ") == len(VIDEOS)
    assert states(cluster, topics) == whole

    stream = next(r for r in LogReader(cluster).read(topics.streams) if "101" in str(r.value))
    again = f"{ingest.url}/api/streams/{stream.key}/reprocess"
    assert requests.post(again, timeout=60).json()["name"] == "card"
    ingest.wait_for_file("done/card")
    assert states(cluster, topics) == whole


def test_a_card_survives_kills(
    cluster: Cluster, topics: Topics, ingest: Ingest, card: Path
) -> None:
    ingest.start(**SOON, FRAMELOG_INGEST_PACE="realtime", FRAMELOG_INGEST_BATCH_FRAMES="4")
    drop(ingest, card)
    for count in (5, 40):
        ingest.wait_for_frames(count)
        assert ingest.process is not None
        ingest.process.kill()
        ingest.process.wait(60)
        ingest.start(**SOON, FRAMELOG_INGEST_PACE="realtime", FRAMELOG_INGEST_BATCH_FRAMES="4")
    done = ingest.wait_for_file("done/card", "failed/card")
    assert done.parent.name == "done"
    assert tree(done) == tree(card)
    assert states(cluster, topics) == {f"card/{name}": ("COMPLETE", FRAMES) for name in VIDEOS}
    assert verify(topics.environment, "all")[0] == 0


def test_a_card_with_a_cut_video_says_which(
    cluster: Cluster, topics: Topics, ingest: Ingest, card: Path
) -> None:
    ingest.start(**SOON)
    cut = card / VIDEOS[1]
    cut.write_bytes(cut.read_bytes()[:200])
    drop(ingest, card)
    note = ingest.wait_for_file("failed/card.reason.txt").read_text().splitlines()
    assert note[0] == "1 of 3 videos in the folder is not whole in the log."
    assert note[1].startswith(f"{VIDEOS[1]}: ")
    assert tree(ingest.videos / "failed" / "card") == tree(card)
    complete = [name for name, (state, _) in states(cluster, topics).items() if state == "COMPLETE"]
    assert sorted(complete) == sorted(f"card/{VIDEOS[number]}" for number in (0, 2))
    make_video(ingest.videos / "failed" / "card" / "whole.mp4", Recipe(FRAMES, 64, 48, first=900))
    (ingest.videos / "failed" / "card" / "whole.mp4").rename(
        ingest.videos / "failed" / "card" / VIDEOS[1]
    )
    assert requests.post(f"{ingest.url}/api/files/card/retry", timeout=60).ok
    ingest.wait_for_file("done/card")
    wait_for(lambda: not list((ingest.videos / "processing").glob("*/card")), 30)
