"""Everything that a person may drop: each container and codec, depth, range and oddity."""

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from ingest.encode.image_encoders import encoder
from ingest.media.picture_source import Picture
from ingest.model.choices import Choices
from ingest.model.timing import timed

from tests.ingest.clips import Clip, corners, make, opened, quarters
from tests.ingest.pictures import decoded

FORMATS = {
    "H.264 in MP4": ("mp4", Clip()),
    "H.264 High 10": ("mp4", Clip(pixel_format="yuv420p10le")),
    "H.264 4:2:2": ("mov", Clip(pixel_format="yuv422p")),
    "H.264 4:4:4": ("mkv", Clip(pixel_format="yuv444p")),
    "H.264 grey": ("mkv", Clip(pixel_format="gray")),
    "H.264 RGB": ("mkv", Clip(codec="libx264rgb", pixel_format="rgb24")),
    "HEVC in MP4": ("mp4", Clip(codec="libx265", codec_options={"preset": "ultrafast"})),
    "HEVC 12 bit": ("mkv", Clip(codec="libx265", pixel_format="yuv422p12le")),
    "VP8 in WebM": ("webm", Clip(codec="libvpx", codec_options={"cpu-used": "8"})),
    "VP9 in WebM": ("webm", Clip(codec="libvpx-vp9", codec_options={"cpu-used": "8"})),
    "AV1 in MP4": ("mp4", Clip(codec="libsvtav1", codec_options={"preset": "12"})),
    "H.264 in AVI, reordered": ("avi", Clip(codec_options={"bf": "3"})),
    "MPEG-4 in AVI": ("avi", Clip(codec="mpeg4", codec_options={})),
    "MPEG-2 in TS": ("ts", Clip(codec="mpeg2video", codec_options={})),
    "MPEG-2 in PS": ("mpg", Clip(codec="mpeg2video", codec_options={})),
    "H.264 in TS": ("ts", Clip()),
    "H.264 in FLV": ("flv", Clip()),
    "ProRes": ("mov", Clip(codec="prores_ks", pixel_format="yuv422p10le", codec_options={})),
    "ProRes 4444": ("mov", Clip(codec="prores_ks", pixel_format="yuva444p10le", codec_options={})),
    "FFV1": ("mkv", Clip(codec="ffv1", pixel_format="yuv444p12le", codec_options={})),
    "FFV1 RGB": ("mkv", Clip(codec="ffv1", pixel_format="bgr0", codec_options={})),
    "FFV1 4:1:1": ("mkv", Clip(codec="ffv1", pixel_format="yuv411p", codec_options={})),
    "Motion JPEG": ("avi", Clip(codec="mjpeg", pixel_format="yuvj422p", codec_options={})),
    "animated GIF": ("gif", Clip(codec="gif", pixel_format="rgb8", codec_options={})),
    "APNG": ("apng", Clip(codec="apng", pixel_format="rgba", codec_options={})),
    "raw in NUT": ("nut", Clip(codec="rawvideo", pixel_format="uyvy422", codec_options={})),
    "PNG in MOV": ("mov", Clip(codec="png", pixel_format="rgb48be", codec_options={})),
    "an odd size": ("mkv", Clip(width=61, height=47, pixel_format="yuv444p")),
    "one frame": ("mp4", Clip(frames=1)),
    "two pixels": ("mkv", Clip(width=2, height=2, codec="ffv1", codec_options={})),
    "NTSC": ("mp4", Clip(rate=Fraction(30000, 1001))),
    "1000 frames a second": ("mkv", Clip(rate=Fraction(1000))),
    "a frame in ten seconds": ("mp4", Clip(rate=Fraction(1, 10), frames=3)),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_arrives_whole_and_in_its_colours(tmp_path: Path, name: str) -> None:
    suffix, clip = FORMATS[name]
    path = make(tmp_path / f"a.{suffix}", clip)
    jpegs = encoder(Choices(), 1 << 24)
    with opened(path) as source:
        choices = Choices(quality=90)
        found = list(timed(source.pictures(choices), source.nominal(choices)))
        assert source.shortfall() is None
    assert len(found) == clip.frames
    for picture, number in zip(found, range(clip.frames), strict=True):
        assert picture.repaired is None
        assert abs(picture.pts_ns - number * 10**9 / clip.rate) <= 10**6
        assert isinstance(picture.picture, Picture)
        image = jpegs.encode(picture.picture)
        assert (image.width, image.height) == (clip.width, clip.height)
    shown = decoded(image.data)
    if clip.pixel_format != "gray" and clip.width > 2:
        assert corners(shown) == corners(quarters(clip.width, clip.height))


def test_making_a_clip_leaves_this_process_no_more_urgent(tmp_path: Path) -> None:
    before = os.sched_getscheduler(0)
    kind, clip = FORMATS["AV1 in MP4"]
    make(tmp_path / f"film.{kind}", clip)
    assert os.sched_getscheduler(0) == before


def test_the_default_video_of_several_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams = []
        for width in (32, 64):
            stream = container.add_stream("libx264", rate=25)
            assert isinstance(stream, VideoStream)
            stream.width, stream.height, stream.pix_fmt = width, width, "yuv420p"
            streams.append(stream)
        for _ in range(5):
            for stream in streams:
                frame = VideoFrame(stream.width, stream.height, "yuv420p")
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        expected = container.streams.best("video")
        assert isinstance(expected, VideoStream)
        width = expected.width
    with opened(path) as source:
        found = list(source.pictures(Choices()))
        assert source.describe(Choices()).width == width
        assert source.shortfall() is None
    assert len(found) == 5


@pytest.mark.parametrize("suffix", ["nut", "mkv"])
def test_negative_times_are_counted_from_the_first(tmp_path: Path, suffix: str) -> None:
    path = make(tmp_path / f"a.{suffix}", Clip(frames=4, times=(-80, -40, 0, 60)))
    with opened(path) as source:
        found = list(timed(source.pictures(Choices()), source.nominal(Choices())))
    assert [p.pts_ns / 10**6 for p in found] == [0, 40, 80, 140]


def test_interlaced_pictures_say_so(tmp_path: Path) -> None:
    options = {"flags": "+ilme+ildct"}
    clip = Clip(codec="mpeg2video", width=64, height=64, codec_options=options)
    path = make(tmp_path / "a.ts", clip)
    with opened(path) as source:
        pictures = [stamped.picture for stamped in source.pictures(Choices())]
    marked = [p.attributes for p in pictures if isinstance(p, Picture)]
    assert len(marked) == 25
    assert all(attributes in ({}, {"interlaced": "true"}) for attributes in marked)


def test_eight_thousand_pixels_across(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mkv", Clip(frames=1, width=7680, height=4320))
    with opened(path, largest_pixels=1 << 27) as source:
        (stamped,) = source.pictures(Choices())
    assert isinstance(stamped.picture, Picture)
    image = encoder(Choices(), 1 << 24).encode(stamped.picture)
    assert decoded(image.data).shape == (4320, 7680, 3)
    assert np.asarray(corners(decoded(image.data))).shape == (4, 3)
