"""The colours of decoded pictures as JPEGs."""

import itertools
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
import simplejpeg  # type: ignore[import-untyped]
from av.video import format as formats
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter
from av.video.stream import VideoStream
from ingest.encode.encoder_input import Converter
from ingest.encode.frame_builder import Encoding
from ingest.encode.image_encoders import Encoder, Image, JpegEncoder, encoder
from ingest.media.picture_source import Picture
from ingest.model.choices import Choices
from ingest.model.errors import Unreadable
from ingest.model.frame import Frame
from ingest.model.timing import timed
from ingest.pixels.colour_conversion import approximation
from ingest.pixels.filter_graph import can_convert
from ingest.pixels.orientation import UPRIGHT, Orientation

from tests.ingest.clips import BLUE, GREEN, RED, WHITE, Clip, corners, make, opened
from tests.ingest.pictures import (
    LARGEST_BYTES,
    Matrix,
    decoded,
    encode,
    flat,
    jpeg_levels_of,
    levels_of,
    noise,
    samples,
)

Pixels = npt.NDArray[np.uint8]

TOLERANCE = 6
UNSPECIFIED = 2


@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", [1, 5, 9], ids=["BT.709", "BT.601", "BT.2020"])
@pytest.mark.parametrize(
    ("pixel_format", "bits"),
    [
        ("yuv420p", 8),
        ("yuv422p", 8),
        ("yuv444p", 8),
        ("yuv440p", 8),
        ("yuv411p", 8),
        ("yuv420p10le", 10),
        ("yuv422p10le", 10),
        ("yuv444p10le", 10),
        ("yuv444p12le", 12),
    ],
)
def test_colours_are_the_ones_that_the_source_means(
    pixel_format: str, bits: int, matrix: Matrix, full_range: bool
) -> None:
    jpegs = encoder(Choices(quality=95), LARGEST_BYTES)
    for red, green, blue in itertools.product((40, 200), repeat=3):
        rgb = (red, green, blue)
        levels = levels_of(rgb, matrix, full_range=full_range, bits=bits)
        picture = flat(64, 48, pixel_format, levels)
        picture.colorspace, picture.color_range = matrix, 2 if full_range else 1
        image = jpegs.encode(Picture(picture)).data
        assert np.abs(decoded(image).astype(int) - rgb).max() <= TOLERANCE, rgb


@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", [1, 5, 9], ids=["BT.709", "BT.601", "BT.2020"])
@pytest.mark.parametrize("size", [(32, 18), (33, 17)], ids=["even", "odd"])
@pytest.mark.parametrize(
    ("pixel_format", "bits"),
    [
        ("yuv420p", 8),
        ("yuv422p", 8),
        ("yuv440p", 8),
        ("yuv444p", 8),
        ("yuv420p10le", 10),
        ("yuv444p12le", 12),
    ],
)
def test_planes_are_within_1_of_the_exact_values(
    pixel_format: str, bits: int, size: tuple[int, int], matrix: Matrix, full_range: bool
) -> None:
    chance = np.random.default_rng(7)
    converter = Converter(None)
    for _ in range(60):
        rgb = tuple(chance.uniform(0, 255, 3))
        levels = levels_of(rgb, matrix, full_range=full_range, bits=bits)
        picture = flat(*size, pixel_format, levels)
        picture.colorspace, picture.color_range = matrix, 2 if full_range else 1
        exact = jpeg_levels_of(levels, matrix, full_range=full_range, bits=bits)
        for plane, level in zip(converter.planes(Picture(picture)), exact, strict=True):
            assert np.abs(plane - level).max() <= 1, (rgb, levels)


@pytest.mark.parametrize(
    ("pixel_format", "across", "down"),
    [("yuv420p", 2, 2), ("yuv422p", 2, 1), ("yuv444p", 1, 1)],
)
def test_detail_is_exact_for_the_chroma_sample_that_covers_it(
    pixel_format: str, across: int, down: int
) -> None:
    picture = VideoFrame(64, 48, pixel_format)
    picture.colorspace, picture.color_range = 1, 1
    chance = np.random.default_rng(7)
    sent = []
    for plane in picture.planes:
        samples(plane)[:] = chance.integers(64, 192, plane.buffer_size, np.uint8)
        sent.append(samples(plane).reshape(plane.height, -1)[:, : plane.width].astype(float))
    luma, *chroma = Converter(None).planes(Picture(picture))
    covering = [plane.repeat(down, axis=0).repeat(across, axis=1) for plane in sent[1:]]
    exact, *_ = jpeg_levels_of([sent[0], *covering], 1, full_range=False)
    assert np.abs(luma - exact).max() <= 1
    _, *exact_chroma = jpeg_levels_of([np.float64(126), *sent[1:]], 1, full_range=False)
    for blue_or_red, level in zip(chroma, exact_chroma, strict=True):
        assert np.abs(blue_or_red - level).max() <= 1


@pytest.mark.parametrize(
    ("pixel_format", "planar"),
    [
        ("nv12", "yuv420p"),
        ("yuyv422", "yuv422p"),
        ("yuvj422p", "yuv422p"),
        ("p010le", "yuv420p10le"),
        ("yuv420p10be", "yuv420p10le"),
    ],
)
def test_how_samples_are_packed_changes_nothing(pixel_format: str, planar: str) -> None:
    full_range = 2 if "j" in pixel_format else 1
    picture = noise(64, 48).reformat(format=planar, dst_color_range=full_range)
    picture.colorspace, picture.color_range = 1, full_range
    packed = picture.reformat(format=pixel_format)
    packed.colorspace, packed.color_range = 1, full_range
    expected = Converter(None).planes(Picture(picture))
    for plane, same in zip(Converter(None).planes(Picture(packed)), expected, strict=True):
        assert np.array_equal(plane, same)


def test_colours_that_change_midway_are_followed() -> None:
    converter = Converter(None)
    for matrix, full_range in ((1, 1), (5, 1), (5, 2), (1, 1)):
        picture = noise(64, 48).reformat(format="yuv420p")
        picture.colorspace, picture.color_range = matrix, full_range
        planes = converter.planes(Picture(picture))
        alone = Converter(None).planes(Picture(picture))
        assert all(map(np.array_equal, planes, alone))


def test_a_source_that_names_no_matrix_is_bt601() -> None:
    rgb = (200, 40, 40)
    picture = flat(64, 48, "yuv420p", levels_of(rgb, 5, full_range=False, bits=8))
    picture.colorspace, picture.color_range = UNSPECIFIED, 1
    assert np.abs(decoded(encode(picture)).astype(int) - rgb).max() <= TOLERANCE


@pytest.mark.parametrize("pixel_format", ["rgb24", "bgr24", "gbrp", "rgba", "bgr0"])
def test_rgb_keeps_its_colours(pixel_format: str) -> None:
    rgb = np.full((48, 64, 3), (200, 40, 90), np.uint8)
    picture = VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixel_format)
    assert np.abs(decoded(encode(picture)).astype(int) - (200, 40, 90)).max() <= TOLERANCE


@pytest.mark.parametrize(("pixel_format", "level"), [("gray", 90), ("gray10le", 360)])
def test_grey_stays_grey(pixel_format: str, level: int) -> None:
    picture = flat(64, 48, pixel_format, [level])
    picture.color_range = 2
    image = encode(picture)
    assert simplejpeg.decode_jpeg_header(image)[2] == "Gray"
    assert np.abs(decoded(image).astype(int) - 90).max() <= TOLERANCE


COMMON = {
    *("yuv420p", "yuv422p10le", "yuva444p12le", "nv12", "p010le", "yuyv422", "gray", "gray16be"),
    *("monow", "pal8", "rgb24", "bgra", "rgb565le", "gbrp", "gbrap16le", "gbrpf32le", "grayf32le"),
    *("xyz12le", "bayer_rggb8", "bayer_bggr16le", "ya8", "rgb48be", "rgba64le", "x2rgb10le"),
}
# All but those whose pixels lie in a graphics card.
IN_MEMORY = sorted(
    name
    for name in formats.names  # type: ignore[attr-defined]
    if VideoFormat(name).components
)

# What FFmpeg shows a matrix as, by H.273's numbers; every other one as BT.601.
SHOWN_AS = {1: 1, 4: 4, 7: 7, 9: 9, 10: 9}
MATRICES = [*range(19), 255]


def colourful(pixel_format: str, matrix: int, spread: int) -> VideoFrame:
    """Make a picture of slopes of colour that says these numbers of itself."""
    down, across = np.mgrid[0:48, 0:64]
    slopes = (across * 4, down * 5, 255 - 2 * (across + down))
    pixels = np.stack(slopes, axis=-1).clip(0, 255).astype(np.uint8)
    frame = VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pixel_format)
    frame.colorspace, frame.color_range = matrix, spread
    return frame


def ffmpegs(frame: VideoFrame, matrix: int) -> Pixels:
    """Return what swscale shows when it is told the matrix."""
    spread = ColorRange.JPEG if frame.color_range == ColorRange.JPEG else ColorRange.MPEG
    shown = VideoReformatter().reformat(
        frame, format="rgb24", src_colorspace=SHOWN_AS.get(matrix, 5), src_color_range=spread
    )
    return shown.to_ndarray().astype(np.uint8)


@pytest.mark.parametrize("encoding", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("longest_side", [None, 40])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p10le", "yuva444p"])
@pytest.mark.parametrize("matrix", MATRICES)
def test_every_matrix_and_range_gives_ffmpegs_picture(
    matrix: int, pixel_format: str, longest_side: int | None, encoding: str
) -> None:
    images = encoder(
        Choices(
            encoding=encoding, quality=None if encoding == "PNG" else 95, longest_side=longest_side
        ),
        LARGEST_BYTES,
    )
    for spread in (0, 1, 2, 3):
        frame = colourful(pixel_format, matrix, spread)
        wanted = ffmpegs(frame, matrix)
        image = images.encode(Picture(frame))
        if longest_side is None:
            shown = decoded(image.data).astype(float)
            decibel = 10 * np.log10(255**2 / (0.01 + float(np.mean((shown - wanted) ** 2))))
            assert decibel > (30 if encoding == "WEBP" else 35), (matrix, spread)
        else:
            assert (image.width, image.height) == (40, 30)


@pytest.mark.parametrize("number", [0, 1, 3, 8, 9, 10, 12, 13, 16, 18, 19, 22, 23, 255, 256])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "gbrp", "yuva420p"])
@pytest.mark.parametrize("encoding", ["JPEG", "PNG", "WEBP"])
def test_every_transfer_and_primaries_are_taken(
    encoding: str, pixel_format: str, number: int
) -> None:
    images = encoder(Choices(encoding=encoding, longest_side=40), LARGEST_BYTES)
    for primaries, transfer in ((number, 2), (2, number), (number, number)):
        frame = colourful(pixel_format, 1, 1)
        frame.color_primaries, frame.color_trc = primaries, transfer
        plain = colourful(pixel_format, 1, 1)
        if transfer in {16, 18}:  # is tone-mapped
            assert images.encode(Picture(frame)).width == 40
        else:
            assert images.encode(Picture(frame)) == images.encode(Picture(plain))


@pytest.mark.parametrize("encoding", ["JPEG", "PNG"])
def test_hdr_of_an_unknown_matrix_is_tone_mapped_too(encoding: str) -> None:
    images = encoder(Choices(encoding=encoding), LARGEST_BYTES)
    frame = colourful("yuv420p10le", 14, 7)
    frame.color_primaries, frame.color_trc = 99, 16
    assert decoded(images.encode(Picture(frame)).data).shape == (48, 64, 3)


def test_a_matrix_that_is_shown_as_another_is_said() -> None:
    said = {matrix: approximation(colourful("yuv444p", matrix, 1)) for matrix in MATRICES}
    assert {matrix for matrix, text in said.items() if text is None} == {1, 2, 4, 5, 6, 7, 9}
    assert said[8] == "8 (YCgCo), shown as BT.601"
    assert said[10] == "10 (BT.2020 constant luminance), shown as BT.2020"
    assert said[255] == "255 (unknown), shown as BT.601"
    for pixel_format in ("gbrp", "rgb24", "gray", "ya8"):
        assert approximation(colourful(pixel_format, 8, 1)) is None


def test_pictures_that_change_in_every_way_are_followed() -> None:
    kinds = [
        ("yuv420p", 1, 1),
        ("yuv420p", 8, 1),
        ("gbrp", 0, 2),
        ("gray", 3, 9),
        ("yuv444p", 200, 0),
    ]
    for encoding in ("JPEG", "PNG", "WEBP"):
        images = encoder(Choices(encoding=encoding), LARGEST_BYTES)
        for kind in kinds * 2:
            alone = encoder(Choices(encoding=encoding), LARGEST_BYTES)
            frame = colourful(*kind)
            assert images.encode(Picture(frame)) == alone.encode(Picture(frame))


@pytest.mark.parametrize("pixel_format", IN_MEMORY)
def test_every_pixel_format_is_converted_or_known_not_to_be(pixel_format: str) -> None:
    frame = VideoFrame(64, 48, pixel_format)
    for plane in frame.planes:
        samples(plane)[:] = 100
    if not can_convert(frame):
        assert pixel_format not in COMMON
        return
    for encoding in ("JPEG", "PNG", "WEBP"):
        for longest_side in (None, 40):
            images = encoder(Choices(encoding=encoding, longest_side=longest_side), LARGEST_BYTES)
            for turned in (UPRIGHT, Orientation(transpose=True), Orientation(mirror_y=True)):
                assert decoded(images.encode(Picture(frame, turned)).data).shape[2] == 3


def test_a_video_that_says_ycgco_is_sent_whole(tmp_path: Path) -> None:
    marked = {"preset": "ultrafast", "x264-params": "colormatrix=YCgCo:transfer=log316"}
    path = make(tmp_path / "a.mp4", Clip(frames=3, codec_options=marked))
    frames, failure = sent(path, encoder(Choices(), LARGEST_BYTES))
    assert failure is None
    assert [frame.attributes for frame in frames] == [
        {"colour_matrix": "8 (YCgCo), shown as BT.601"}
    ] * 3
    assert corners(decoded(frames[0].image)) == [RED, GREEN, BLUE, WHITE]


def test_pictures_that_no_image_can_be_made_of_are_said(tmp_path: Path) -> None:
    path = tmp_path / "a.nut"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr4"
        for _ in range(3):
            container.mux(stream.encode(VideoFrame(64, 48, "bgr4")))
        container.mux(stream.encode(None))
    with pytest.raises(Unreadable, match="pictures of the video, in the pixel format bgr4"):
        opened(path)


def test_a_picture_that_can_t_be_encoded_ends_the_stream_with_a_sentence(tmp_path: Path) -> None:
    class Broken(JpegEncoder):
        """Fails at the second picture."""

        count = 0

        def encode(self, picture: Picture) -> Image:
            self.count += 1
            if self.count == 2:
                raise OverflowError("too large")
            return super().encode(picture)

    path = make(tmp_path / "a.mp4", Clip(frames=3))
    frames, failure = sent(path, Broken(Converter(None), 90, LARGEST_BYTES))
    assert len(frames) == 1
    assert failure == "Frame 1 can't be made a JPEG: OverflowError, too large."


def sent(path: Path, images: Encoder) -> tuple[list[Frame], str | None]:
    """Return the frames that a worker would send as JPEGs, and why no more came."""
    stage = Encoding(
        images, "JPEG", LARGEST_BYTES, lower_oversize=True, attributes={}, now_us=lambda: 0
    )
    with opened(path) as source:
        pictures = timed(source.pictures(Choices()), source.nominal(Choices()))
        return [frame for frame in stage.frames(pictures) if frame is not None], stage.failure
