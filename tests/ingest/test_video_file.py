"""Video files, whole, damaged and none at all."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from ingest.media.picture_source import CodedPicture, Picture
from ingest.model.choices import Choices
from ingest.model.errors import Unreadable
from ingest.model.timing import Timed, timed

from tests.ingest.clips import Clip, cut, make, make_sound, opened

MJPEG = Clip(codec="mjpeg", pixel_format="yuvj420p", codec_options={})
LONG = Clip(frames=100, noisy=True, codec_options={"preset": "ultrafast", "g": "5"})
B_FRAMES = {"preset": "veryfast", "bf": "3"}
MS = 1_000_000


def decoded(path: Path) -> tuple[list[Timed[Picture | CodedPicture]], str | None]:
    """Return every picture, and what is missing."""
    with opened(path) as source:
        pictures = list(timed(source.pictures(Choices()), source.nominal(Choices())))
        return pictures, source.shortfall()


def refusal(path: Path) -> str:
    with pytest.raises(Unreadable) as raised:
        opened(path)
    sentence = str(raised.value)
    assert sentence.endswith(".")
    assert str(path.parent) not in sentence
    return sentence


@pytest.mark.parametrize(
    ("suffix", "clip", "container", "codec"),
    [
        ("mp4", Clip(), "mov,mp4,m4a,3gp,3g2,mj2", "h264"),
        ("mp4", Clip(codec_options=B_FRAMES), "mov,mp4,m4a,3gp,3g2,mj2", "h264"),
        ("mp4", Clip(movflags="frag_keyframe+empty_moov"), "mov,mp4,m4a,3gp,3g2,mj2", "h264"),
        ("mov", Clip(codec="libx265", codec_options={}), "mov,mp4,m4a,3gp,3g2,mj2", "hevc"),
        ("mkv", Clip(codec_options=B_FRAMES), "matroska,webm", "h264"),
        ("webm", Clip(codec="libvpx-vp9", codec_options={}), "matroska,webm", "vp9"),
        ("avi", Clip(codec="mpeg4", codec_options={"bf": "2"}), "avi", "mpeg4"),
        ("avi", MJPEG, "avi", "mjpeg"),
        ("ts", Clip(codec_options=B_FRAMES), "mpegts", "h264"),
        ("mpg", Clip(codec="mpeg2video", codec_options={"bf": "2"}), "mpeg", "mpeg2video"),
        ("flv", Clip(), "flv", "h264"),
        ("gif", Clip(codec="gif", pixel_format="rgb8", codec_options={}), "gif", "gif"),
        ("dv", Clip(frames=9, width=720, height=576, codec="dvvideo"), "dv", "dvvideo"),
        ("y4m", Clip(codec="wrapped_avframe", codec_options={}), "yuv4mpegpipe", "rawvideo"),
    ],
)
def test_every_frame_of_every_container_comes_at_its_time(
    tmp_path: Path, suffix: str, clip: Clip, container: str, codec: str
) -> None:
    path = make(tmp_path / f"a.{suffix}", clip)
    pictures, missing = decoded(path)
    assert missing is None
    assert [p.pts_ns for p in pictures] == [n * 40 * MS for n in range(clip.frames)]
    assert {p.repaired for p in pictures} == {None}
    with opened(path) as source:
        description = source.describe(Choices())
        assert source.nominal(Choices()) == Fraction(1, 25)
    assert (description.container, description.codec) == (container, codec)
    assert (description.width, description.height) == (clip.width, clip.height)
    assert description.frame_rate == 25


def test_a_raw_stream_without_times_has_nominal_ones(tmp_path: Path) -> None:
    pictures, missing = decoded(make(tmp_path / "a.h264", Clip()))
    assert missing is None
    assert [p.pts_ns for p in pictures] == [n * 40 * MS for n in range(25)]
    assert pictures[-1].repaired == "the container states no time"


def test_ntsc_times_are_exact(tmp_path: Path) -> None:
    rate = Fraction(30_000, 1001)
    path = make(tmp_path / "a.mp4", Clip(frames=60, rate=rate))
    with opened(path) as source:
        assert source.describe(Choices()).frame_rate == rate
    pictures, _ = decoded(path)
    assert [p.pts_ns for p in pictures] == [round(n * 10**9 / rate) for n in range(60)]


def test_a_variable_frame_rate_keeps_its_times(tmp_path: Path) -> None:
    times = (0, 10, 250, 251, 1000, 3000)
    path = make(tmp_path / "a.mkv", Clip(frames=6, times=times))
    pictures, missing = decoded(path)
    assert [p.pts_ns for p in pictures] == [ms * MS for ms in times]
    assert missing is None


@pytest.mark.parametrize("suffix", ["mkv", "nut", "mp4", "ts"])
def test_a_video_that_does_not_begin_at_0_is_whole(tmp_path: Path, suffix: str) -> None:
    times = tuple(range(5000, 6000, 40))
    pictures, missing = decoded(make(tmp_path / f"a.{suffix}", Clip(times=times)))
    assert [p.pts_ns for p in pictures] == [n * 40 * MS for n in range(25)]
    assert missing is None


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_an_estimate_of_the_frames_is_given(tmp_path: Path, suffix: str) -> None:
    clip = MJPEG if suffix == "avi" else Clip()
    with opened(make(tmp_path / f"a.{suffix}", clip)) as source:
        assert source.describe(Choices()).estimated_frame_count == pytest.approx(25, abs=1)


@pytest.mark.parametrize(
    ("suffix", "clip"),
    [
        ("mp4", replace(LONG, movflags="+faststart")),
        ("mp4", replace(LONG, movflags="frag_keyframe+empty_moov")),
        ("mkv", LONG),
        ("avi", replace(MJPEG, frames=100, noisy=True)),
    ],
)
def test_of_a_file_cut_in_half_the_first_half_is_kept(
    tmp_path: Path, suffix: str, clip: Clip
) -> None:
    pictures, missing = decoded(cut(make(tmp_path / f"a.{suffix}", clip), 0.5))
    assert 40 <= len(pictures) <= 60
    assert [p.pts_ns for p in pictures] == [n * 40 * MS for n in range(len(pictures))]
    assert missing is not None
    assert missing.startswith("The file was cut off: it ")
    assert missing.endswith(".")


def test_damage_in_the_middle_is_passed_over_and_said(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mkv", LONG)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 300] = bytes(300)
    path.write_bytes(content)
    pictures, missing = decoded(path)
    assert 50 <= len(pictures) <= 100
    assert missing is not None
    assert "damaged" in missing


def test_a_movie_without_its_header_is_unreadable(tmp_path: Path) -> None:
    whole = make(tmp_path / "a.mp4", Clip(frames=100))
    sentence = refusal(cut(whole, 0.5))
    assert sentence.startswith("Its header (moov) is missing")


def test_what_is_no_video_is_refused_with_a_sentence(tmp_path: Path) -> None:
    empty, text, binary = (tmp_path / f"{name}.mp4" for name in ("empty", "text", "binary"))
    empty.touch()
    text.write_text("Dear Sir or Madam, " * 200, encoding="utf-8")
    binary.write_bytes(bytes(range(256)) * 100)
    assert refusal(empty) == "The file is empty."
    assert refusal(text).startswith("It is not a video")
    assert refusal(binary).startswith("It is not a video")


def test_sound_alone_is_no_video_even_with_a_cover(tmp_path: Path) -> None:
    assert refusal(make_sound(tmp_path / "a.m4a")) == "There is no video in the file, only sound."
    cover = make(tmp_path / "cover.avi", replace(MJPEG, frames=1))
    covered = make_sound(tmp_path / "b.mp4", cover)
    assert refusal(covered) == "There is no video in the file, only sound."


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.0,\n{other}\n#EXT-X-ENDLIST\n"),
        ("b.ffconcat", "ffconcat version 1.0\nfile '{other}'\n"),
        ("c.mp4", "ffconcat version 1.0\nfile '{other}'\n"),
        ("d.mpd", '<?xml version="1.0"?><MPD><BaseURL>{other}</BaseURL></MPD>'),
        ("e.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n"),
    ],
)
def test_a_playlist_does_not_lead_to_another_file(tmp_path: Path, name: str, text: str) -> None:
    secret = make(tmp_path / "secret.ts", Clip())
    playlist = tmp_path / name
    for other in (secret.name, str(secret), f"file:{secret}"):
        playlist.write_text(text.format(other=other), encoding="utf-8")
        assert refusal(playlist).startswith("It is not a video")


@pytest.mark.parametrize(
    "name",
    [
        "a b.mp4",
        'quote\'s "double".mp4',
        "new\nline.mp4",
        "съёмка 動画 🎥.mp4",
        "concat:x|y.mp4",
        "%03d.mp4",
        "-i.mp4",
        b"not utf-8 \xff\xfe.mp4".decode("utf-8", "surrogateescape"),
        "n" * 251 + ".mp4",
    ],
)
def test_any_name_will_do(tmp_path: Path, name: str) -> None:
    path = make(tmp_path / "a.mp4", Clip(frames=3)).rename(tmp_path / name)
    pictures, missing = decoded(path)
    assert (len(pictures), missing) == (3, None)


def test_a_relative_path_is_not_taken_for_a_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "a.mp4", Clip(frames=3)).rename(tmp_path / "http:a.mp4")
    monkeypatch.chdir(tmp_path)
    assert len(decoded(Path("http:a.mp4"))[0]) == 3


def test_an_aspect_of_pixels_turns_with_the_picture(tmp_path: Path) -> None:
    for turned, aspect in ((0, Fraction(4, 3)), (90, Fraction(3, 4))):
        clip = Clip(frames=2, turned=turned, sample_aspect=Fraction(4, 3))
        with opened(make(tmp_path / "a.mp4", clip)) as source:
            assert source.describe(Choices()).sample_aspect == aspect


def test_a_file_that_is_gone_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        opened(tmp_path / "gone.mp4")


@pytest.mark.parametrize("suffix", ["mpg", "ts"])
def test_what_comes_after_a_file_was_opened_is_neither_lost_nor_called_missing(
    tmp_path: Path, suffix: str
) -> None:
    """Its size is that of the end, not that of the beginning."""
    codec = "mpeg2video" if suffix == "mpg" else "libx264"
    options = {} if suffix == "mpg" else LONG.codec_options
    whole = make(tmp_path / f"a.{suffix}", replace(LONG, codec=codec, codec_options=options))
    content = whole.read_bytes()
    growing = tmp_path / f"growing.{suffix}"
    first_bytes = len(content) // 3 // 188 * 188
    growing.write_bytes(content[:first_bytes])
    with opened(growing) as source:
        with growing.open("ab") as file:
            file.write(content[first_bytes:])
        assert sum(1 for _ in source.pictures(Choices())) == LONG.frames
        assert source.shortfall() is None
