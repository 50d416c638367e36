"""Exports: a clip equals its frames, in each kind of file, and never ends as if it were whole."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
import zipfile
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import av.container
import fastavro
import pytest
from viewer.catalogue.packed_segments import packed
from viewer.export import avro_file
from viewer.http_streaming.direct_sending import BrokenOffError
from viewer.model.records import stream_from

from tests.support.log_writer import jpeg
from tests.viewer.builders import (
    FRAME_NS,
    SCHEMA,
    STREAM_ID,
    frame,
    record,
    segment,
    segment_record,
    stream,
)  # fmt: skip
from tests.viewer.world import World, value, world

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient

EXPORT = f"/streams/{STREAM_ID}/export"
NOW_MS = 1 << 60
SECOND = 10**9


def viewer_of(count: int, picture: Callable[[int], bytes], **changes: object) -> World:
    """Make a viewer of one stream, four frames a segment."""
    made = world()
    made.fetcher.picture = picture
    made.catalogue.put_stream(stream(count, **changes))  # type: ignore[arg-type]
    for first in range(0, count, 4):
        size = min(4, count - first)
        made.catalogue.put_segments(
            [(segment(first, size, number=first // 4, size_of=lambda n: len(picture(n))), NOW_MS)]
        )
    return made


@pytest.fixture
def viewer() -> World:
    return viewer_of(70, jpeg)


@pytest.fixture
def client(viewer: World) -> FlaskClient:
    return viewer.app.test_client()


def opened(data: bytes) -> av.container.InputContainer:
    return av.open(io.BytesIO(data), "r")


def packets(data: bytes) -> list[Any]:
    with opened(data) as container:
        return [packet for packet in container.demux(video=0) if packet.size]


class TestZip:
    def test_it_holds_the_exact_pictures_and_a_table(self, client: FlaskClient) -> None:
        response = client.get(f"{EXPORT}.zip?from=3&to=9")
        assert response.mimetype == "application/zip"
        with zipfile.ZipFile(io.BytesIO(response.data)) as archive:
            assert archive.testzip() is None
            pictures = {name: archive.read(name) for name in archive.namelist()[1:]}
            rows = list(csv.DictReader(io.StringIO(archive.read("frames.csv").decode())))
            assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert pictures == {f"{n:08}.jpg": jpeg(n) for n in range(3, 9)}
        assert rows == [
            {
                "index": str(n), "pts_ns": str(n * FRAME_NS), "duration_ns": str(FRAME_NS),
                "offset": str(100 + n),
            }
            for n in range(3, 9)
        ]  # fmt: skip

    def test_its_length_is_told_before(self, client: FlaskClient) -> None:
        response = client.get(f"{EXPORT}.zip")
        assert response.headers["Content-Length"] == str(len(response.data))
        assert client.head(f"{EXPORT}.zip").headers["Content-Length"] == str(len(response.data))
        names = ("inline", "attachment")
        assert response.headers["Content-Disposition"].startswith(names[1])

    def test_the_same_clip_is_the_same_file(self, client: FlaskClient) -> None:
        for kind in ("zip", "mp4", "avro"):
            url = f"{EXPORT}.{kind}?from=5&to=40"
            assert client.get(url).data == client.get(url).data


class TestMp4:
    def test_its_samples_are_the_exact_pictures_at_their_times(self, client: FlaskClient) -> None:
        response = client.get(f"{EXPORT}.mp4?from=2&to=69")
        assert response.mimetype == "video/mp4"
        assert response.headers["Content-Length"] == str(len(response.data))
        found = packets(response.data)
        assert [bytes(packet) for packet in found] == [jpeg(n) for n in range(2, 69)]
        assert [round(p.pts * p.time_base * 10**9) for p in found] == [
            n * FRAME_NS for n in range(67)
        ]
        assert all(packet.is_keyframe for packet in found)

    def test_it_says_what_it_is(self, client: FlaskClient) -> None:
        data = client.get(f"{EXPORT}.mp4").data
        with opened(data) as container:
            video = container.streams.video[0]
            assert (video.codec_context.name, video.width, video.height) == ("mjpeg", 160, 90)
            assert container.duration == 70 * FRAME_NS // 1000
            assert [frame.width for frame in container.decode(video=0)] == [160] * 70

    def test_a_player_can_seek_in_it(self, client: FlaskClient) -> None:
        with opened(client.get(f"{EXPORT}.mp4").data) as container:
            container.seek(50 * FRAME_NS // 1000)
            first = next(iter(container.demux(video=0)))
            assert bytes(first) in {jpeg(n) for n in range(32, 51)}

    def test_frames_shown_for_long_keep_their_times(self) -> None:
        made = viewer_of(4, jpeg, duration_ns=3_600_000_000_000)
        data = made.app.test_client().get(f"{EXPORT}.mp4").data
        with opened(data) as container:
            assert container.duration == 3_600_000_000
        assert [bytes(packet) for packet in packets(data)] == [jpeg(n) for n in range(4)]

    @pytest.mark.parametrize(
        "pause_ns",
        [4_294_967_296_000, 7_200 * SECOND, 400 * 86_400 * SECOND, (1 << 63) - 1 - SECOND],
    )
    def test_a_frame_may_last_as_long_as_a_long_lets_it(self, pause_ns: int) -> None:
        """The first of four segments is followed by a pause: its last frame lasts as long."""
        made = viewer_of(4, jpeg, state="INGESTING")
        later = pause_ns + 4 * FRAME_NS
        for first in range(4, 16, 4):
            shifted = replace(
                segment_record(first, 4, number=first // 4, size_of=lambda n: len(jpeg(n))),
                pts_ns=[later + (first - 4) * FRAME_NS, *[FRAME_NS] * 3],
                end_pts_ns=later + first * FRAME_NS,
            )
            made.catalogue.put_segments([(packed(shifted), NOW_MS)])
        made.catalogue.put_stream(stream(16, duration_ns=later + 12 * FRAME_NS))
        response = made.app.test_client().get(f"{EXPORT}.mp4")
        assert response.status_code == 200
        assert response.headers["Content-Length"] == str(len(response.data))
        found = packets(response.data)
        assert [bytes(packet) for packet in found] == [jpeg(n) for n in range(16)]
        wanted = [n * FRAME_NS + (pause_ns if n >= 4 else 0) for n in range(16)]
        assert [packet.pts * packet.time_base * 10**9 // 1000 for packet in found] == [
            pts_ns // 1000 for pts_ns in wanted
        ]

    def test_pixels_of_no_shape_are_square(self) -> None:
        made = viewer_of(4, jpeg)
        record = asdict(stream(4)) | {"sample_aspect_num": -1, "frame_rate_num": -25}
        made.catalogue.put_stream(stream_from(record))
        client = made.app.test_client()
        assert client.get(f"{EXPORT}.mp4").status_code == 200
        told = client.get(f"/api/streams/{STREAM_ID}").json or {}
        assert (told["sample_aspect_ratio"], told["fps"]) == ("1:1", 0)

    @pytest.mark.parametrize("size_bytes", [(1 << 31) - 1, (1 << 31) - 10, 1 << 40])
    def test_sizes_that_no_picture_has_are_no_error(self, size_bytes: int) -> None:
        """A stranger's segment says so; what it tells is looked at when somebody asks."""
        made = world()
        made.catalogue.put_stream(stream(4))
        made.catalogue.put_segments([(segment(0, 4, size_of=lambda _: size_bytes), NOW_MS)])
        client = made.app.test_client()
        for kind in ("mp4", "zip", "avro"):
            answer = client.get(f"{EXPORT}.{kind}", buffered=False)
            assert answer.status_code in {200, 404, 410}, kind
            answer.close()

    @pytest.mark.parametrize("hours", [1.2, 24, 24 * 49])
    def test_the_last_frame_may_too(self, hours: float) -> None:
        lasts_ns = int(hours * 3600 * SECOND)
        made = viewer_of(4, jpeg, duration_ns=3 * FRAME_NS + lasts_ns)
        data = made.app.test_client().get(f"{EXPORT}.mp4").data
        with opened(data) as container:
            assert container.duration is not None
            assert abs(container.duration * 1000 - 3 * FRAME_NS - lasts_ns) <= SECOND // 1000
        assert [bytes(packet) for packet in packets(data)] == [jpeg(n) for n in range(4)]

    @pytest.mark.parametrize("duration_ns", [(1 << 63) - 1, 0, -5, -(1 << 63)])
    def test_a_stream_that_says_any_duration_is_exported(self, duration_ns: int) -> None:
        made = viewer_of(4, jpeg, duration_ns=duration_ns)
        client = made.app.test_client()
        for kind in ("mp4", "zip", "avro"):
            assert client.get(f"{EXPORT}.{kind}", buffered=True).status_code == 200
        assert [bytes(packet) for packet in packets(client.get(f"{EXPORT}.mp4").data)] == [
            jpeg(n) for n in range(4)
        ]

    def test_pictures_that_it_cannot_hold_are_refused(self) -> None:
        made = viewer_of(4, jpeg, encoding="WEBP")
        client = made.app.test_client()
        assert client.get(f"{EXPORT}.mp4").status_code == 400
        assert value(made.metrics, "watchers", route="export") == 0
        assert b"00000003.webp" in client.get(f"{EXPORT}.zip").data


class TestAvro:
    def test_its_records_are_those_of_the_log(self, client: FlaskClient) -> None:
        response = client.get(f"{EXPORT}.avro?from=6&to=19")
        assert response.mimetype == "application/avro"
        reader: Any = fastavro.reader(io.BytesIO(response.data))
        assert reader.writer_schema["name"] == "framelog.Frame"
        found = list(reader)
        assert [made["frame_index"] for made in found] == list(range(6, 19))
        assert [made["image"] for made in found] == [jpeg(n) for n in range(6, 19)]

    def test_records_of_another_schema_are_converted_to_the_firsts(self) -> None:
        newer = json.loads(SCHEMA)
        newer["fields"].append({"name": "checksum", "type": "long", "default": 5})
        texts = {7: SCHEMA, 8: json.dumps(newer)}
        old = record(frame(0))
        new = replace(old, schema_id=8, body=old.body + b"\x0a")
        for blocks in ([[old], [new]], [[new], [old]]):
            data = b"".join(avro_file.written(blocks, texts.__getitem__, "clip"))
            assert len({json.dumps(found, default=str) for found in avro_of(data)}) == 1
            assert data.count(b"picture 0") == 2


def avro_of(data: bytes) -> list[Any]:
    return list(fastavro.reader(io.BytesIO(data)))


@pytest.mark.parametrize("kind", ["zip", "mp4", "avro"])
class TestEvery:
    def test_it_is_of_all_that_is_there_by_itself(
        self, viewer: World, client: FlaskClient, kind: str
    ) -> None:
        viewer.fetcher.low = 7
        viewer.catalogue.set_low_watermarks({2: 107})
        response = client.get(f"{EXPORT}.{kind}")
        assert response.data
        assert f"filename={STREAM_ID}-7-69.{kind}" in response.headers["Content-Disposition"]
        assert value(viewer.metrics, "frames_delivered_total", route="export") == 63

    @pytest.mark.parametrize(
        ("query", "status"),
        [("from=5&to=5", 400), ("from=x", 400), ("to=0", 400), ("to=71", 404), ("from=70", 404)],
    )
    def test_what_cannot_be_had_is_told_before_it_begins(
        self, client: FlaskClient, kind: str, query: str, status: int
    ) -> None:
        response = client.get(f"{EXPORT}.{kind}?{query}")
        assert response.status_code == status
        assert "error" in (response.json or {})

    def test_what_has_expired_is_410(self, viewer: World, client: FlaskClient, kind: str) -> None:
        viewer.fetcher.low = 6
        response = client.get(f"{EXPORT}.{kind}?from=2")
        assert (response.status_code, (response.json or {})["first_available_frame"]) == (410, 6)
        assert value(viewer.metrics, "watchers", route="export") == 0

    @pytest.mark.parametrize("reason", ["expired", "stopping"])
    def test_what_cannot_be_completed_breaks_off(
        self, viewer: World, client: FlaskClient, kind: str, reason: str
    ) -> None:
        body = iter(client.get(f"{EXPORT}.{kind}", buffered=False).iter_encoded())
        next(body)
        if reason == "expired":
            viewer.fetcher.low = 60
        else:
            viewer.open_streams.stopping.set()
        with pytest.raises(BrokenOffError):
            list(body)

    def test_memory_does_not_grow_with_the_clip(self, kind: str) -> None:
        large = bytes(200_000)
        client = viewer_of(400, lambda _: large).app.test_client()
        tracemalloc.start()
        sent = sum(map(len, client.get(f"{EXPORT}.{kind}", buffered=False).iter_encoded()))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert sent > 400 * len(large)
        assert peak < 20 * len(large)


@pytest.mark.parametrize("kind", ["zip", "mp4"])
def test_a_picture_of_another_size_than_was_promised_breaks_off(
    viewer: World, client: FlaskClient, kind: str
) -> None:
    body = iter(client.get(f"{EXPORT}.{kind}", buffered=False).iter_encoded())
    next(body)
    viewer.fetcher.picture = lambda n: jpeg(n) + b"more"
    with pytest.raises(BrokenOffError):
        list(body)
