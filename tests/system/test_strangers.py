"""Whatever anybody writes into the topics: both services go on, and their streams stay right."""

import requests
from confluent_kafka import Producer
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.support.cluster import Cluster, Topics
from tests.support.ingest import Ingest, verify
from tests.support.log_reader import LogReader
from tests.support.log_writer import StreamWriter, jpeg
from tests.support.processes import wait_for
from tests.support.strangers import Written, written
from tests.support.videos import Recipe, make_video
from tests.support.viewing import Viewer

FRAMES = 12


def stream_ids(viewer: Viewer, name: str) -> list[str]:
    streams = requests.get(f"{viewer.url}/api/streams", timeout=60).json()["streams"]
    return [stream["stream_id"] for stream in streams if stream["name"] == name]


def test_nothing_that_strangers_write_ends_a_service_or_hides_a_stream(
    cluster: Cluster, topics: Topics, ingest: Ingest, viewer: Viewer
) -> None:
    ingest.start()
    video = make_video(ingest.folder / "film.mp4", Recipe(frames=FRAMES))
    ingest.drop(video)
    ingest.wait_for_file("done/film.mp4")
    [good] = {record.key for record in LogReader(cluster).read(topics.streams)}
    viewer.wait_for_frames(good, FRAMES)
    before = viewer.stream(good)
    pictures = [
        requests.get(viewer.watch(good, f"/frames/{n}"), timeout=60).content for n in (0, 9)
    ]
    marker = StreamWriter(cluster, topics, stream_id="marker-ffffffffffff")
    of_part = {"frame": topics.frames, "segment": topics.index, "stream": topics.streams}
    schema_ids = {part: marker.wire.schema_id(topic) for part, topic in of_part.items()}
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers})

    @settings(max_examples=25, deadline=None, phases=[Phase.generate], database=None)
    @given(
        st.lists(
            written(schema_ids, st.just(good), st.just(str(before["run_id"]))),
            min_size=10,
            max_size=30,
        )
    )
    def nothing_happens(strangers: list[Written]) -> None:
        for stranger in strangers:
            topic = of_part[stranger.topic]
            producer.produce(topic, key=stranger.key, value=stranger.value, partition=0)
        assert producer.flush(60) == 0
        marker.write([jpeg(len(marker.images))])
        viewer.wait_for_frames(marker.stream_id, len(marker.images))
        listed = requests.get(f"{viewer.url}/api/streams", timeout=60)
        assert listed.status_code == 200
        assert before in listed.json()["streams"]
        for n, picture in zip((0, 9), pictures, strict=True):
            answer = requests.get(viewer.watch(good, f"/frames/{n}"), timeout=60)
            assert answer.content == picture
        for base in (viewer.url, ingest.url):
            for path in ("healthz", "readyz", "metrics"):
                assert requests.get(f"{base}/{path}", timeout=60).status_code == 200

    nothing_happens()
    viewer.stop()
    viewer.start()
    viewer.wait_for_frames(marker.stream_id, len(marker.images))
    assert viewer.stream(good) == before
    ingest.stop()
    ingest.start()
    ingest.drop(video, "again.mp4")
    ingest.wait_for_file("done/again.mp4")
    assert ingest.metric("framelog_ingest_files_total", result="duplicate") == 1
    other = make_video(ingest.folder / "other.mp4", Recipe(frames=FRAMES, width=96))
    ingest.drop(other)
    ingest.wait_for_file("done/other.mp4")
    assert ingest.process is not None
    assert ingest.process.exit_code is None
    untouched = wait_for(lambda: stream_ids(viewer, "other.mp4"), what="the other stream")[0]
    # Nobody wrote under its keys. What was written under the first one's is said to be there.
    assert verify(topics.environment, untouched)[0] == 0
    assert verify(topics.environment, good)[0] in {0, 1}
