"""Files whose end is missing, or whose middle is damaged, never pass for whole ones."""

import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
from ingest.media.completeness import CompletenessCheck
from ingest.media.container_end.check import TRUSTED, end_of
from ingest.media.container_end.end_status import End
from ingest.media.container_formats import ALLOWED
from ingest.model.choices import Choices

from tests.ingest.clips import Clip, cut, make, opened

ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
FAST = {"preset": "ultrafast", "g": "10"}
NOISE = Clip(frames=50, noisy=True, codec_options={})
CLIPS = {
    "gif": replace(NOISE, codec="gif", pixel_format="rgb8"),
    "apng": replace(NOISE, codec="apng", pixel_format="rgb24"),
    "ogg": replace(NOISE, codec="libvpx", codec_options={"cpu-used": "8"}),
    "webm": replace(NOISE, codec="libvpx", codec_options={"cpu-used": "8"}),
    "mkv": replace(NOISE, codec_options=FAST),
    "ts": replace(NOISE, codec_options=FAST),
    "mp4": replace(NOISE, codec_options=FAST, movflags="frag_keyframe+empty_moov"),
    "mpg": replace(NOISE, codec="mpeg2video"),
    "flv": replace(NOISE, codec="flv"),
    "asf": replace(NOISE, codec="wmv2"),
    "avi": replace(NOISE, codec="mpeg4"),
    "mxf": replace(NOISE, codec="mpeg2video", width=720, height=576),
    "y4m": replace(NOISE, codec="wrapped_avframe"),
    "mjpeg": replace(NOISE, codec="mjpeg", pixel_format="yuvj420p"),
    "dv": replace(NOISE, codec="dvvideo", width=720, height=576, frames=5),
}


def seen(path: Path) -> tuple[int, str | None]:
    """Return how many pictures come out of a file, and what is said to be missing."""
    with opened(path) as source:
        return sum(1 for _ in source.pictures(Choices(quality=90))), source.shortfall()


def end(path: Path, container: str) -> End:
    """Return what is said of a file's end, by FFmpeg's name of its container."""
    with path.open("rb") as file:
        return end_of(file.fileno(), container)


@pytest.mark.parametrize("suffix", CLIPS)
def test_wherever_a_file_is_cut_it_is_said(tmp_path: Path, suffix: str) -> None:
    path = make(tmp_path / f"a.{suffix}", CLIPS[suffix])
    frames, missing = seen(path)
    assert (frames, missing) == (CLIPS[suffix].frames, None)
    for share in (0.31, 0.57, 0.83, 0.97):
        kept, missing = seen(cut(path, share))
        assert kept <= frames
        assert missing is not None, share
        assert missing.endswith(".")


@pytest.mark.parametrize("hole", ["zeros", "missing", "one bit"])
@pytest.mark.parametrize("share", [0.4, 0.7])
def test_a_hole_in_the_midst_of_ogg_is_said(tmp_path: Path, hole: str, share: float) -> None:
    content = make(tmp_path / "a.ogg", CLIPS["ogg"]).read_bytes()
    place = int(len(content) * share)
    lost = 1 if hole == "one bit" else 3000
    put = {"zeros": bytes(lost), "missing": b"", "one bit": bytes([content[place] ^ 4])}[hole]
    frames, missing = seen(written(tmp_path, content[:place] + put + content[place + lost :]))
    assert frames <= CLIPS["ogg"].frames
    assert missing is not None
    assert missing.startswith("The file has a hole") or "damaged" in missing


def test_a_hole_in_the_sound_of_ogg_is_no_matter_of_the_video(tmp_path: Path) -> None:
    path = tmp_path / "a.ogv"
    pictures, sound = "testsrc2=s=64x48:d=2", "anoisesrc=d=2"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", sound]
    codecs = ["-c:v", "libvpx", "-c:a", "libvorbis", "-q:a", "9"]
    subprocess.run([*command, *codecs, str(path)], check=True)
    content = bytearray(path.read_bytes())
    pages = [found.start() for found in re.finditer(b"OggS", content)]
    serial_of = {page: bytes(content[page + 14 : page + 18]) for page in pages}
    first_words = {serial_of[page]: bytes(content[page + 28 :][:7]) for page in reversed(pages)}
    of_sound = [page for page in pages if first_words[serial_of[page]] == b"\x01vorbis"]
    content[of_sound[len(of_sound) // 2] + 100] ^= 4
    assert seen(written(tmp_path, bytes(content))) == (50, None)


@pytest.mark.parametrize("suffix", ["gif", "mjpeg"])
def test_what_a_file_is_filled_up_with_is_no_part_of_it(tmp_path: Path, suffix: str) -> None:
    path = make(tmp_path / f"a.{suffix}", CLIPS[suffix])
    with path.open("ab") as file:
        file.write(bytes(500))
    assert seen(path)[1] is None


def test_packets_with_a_time_before_them_are_told_from_plain_ones(tmp_path: Path) -> None:
    plain = make(tmp_path / "a.ts", CLIPS["ts"]).read_bytes()
    packets = [plain[start : start + 188] for start in range(0, len(plain), 188)]
    path = tmp_path / "a.m2ts"
    path.write_bytes(b"".join(bytes(4) + packet for packet in packets))
    assert seen(path) == (50, None)
    assert seen(cut(path, 0.9))[1] is not None


# What says how long it is, or where it ends; of the others no end can be told.
ENDING = {
    "apng": (CLIPS["apng"], "apng"),
    "asf": (CLIPS["asf"], "asf"),
    "avi": (CLIPS["avi"], "avi"),
    "flv": (CLIPS["flv"], "flv"),
    "gif": (CLIPS["gif"], "gif"),
    "gxf": (replace(CLIPS["mxf"], frames=5), "gxf"),
    "ivf": (CLIPS["webm"], "ivf"),
    "jpg": (replace(CLIPS["mjpeg"], frames=1), "jpeg_pipe"),
    "mkv": (CLIPS["mkv"], "matroska,webm"),
    "mov": (replace(NOISE, codec_options=FAST), "mov,mp4,m4a,3gp,3g2,mj2"),
    "mp4": (CLIPS["mp4"], "mov,mp4,m4a,3gp,3g2,mj2"),
    "mxf": (replace(CLIPS["mxf"], frames=5), "mxf"),
    "ogg": (CLIPS["ogg"], "ogg"),
    "swf": (CLIPS["flv"], "swf"),
    "webm": (CLIPS["webm"], "matroska,webm"),
    "wtv": (CLIPS["mpg"], "wtv"),
}
SILENT = {
    "dv": (CLIPS["dv"], "dv"),
    "h264": (CLIPS["ts"], "h264"),
    "mpg": (CLIPS["mpg"], "mpeg"),
    "ts": (CLIPS["ts"], "mpegts"),
    "y4m": (CLIPS["y4m"], "yuv4mpegpipe"),
}


@pytest.mark.parametrize("suffix", ENDING)
def test_a_container_that_says_its_end_is_believed(tmp_path: Path, suffix: str) -> None:
    clip, container = ENDING[suffix]
    content = make(tmp_path / f"a.{suffix}", clip).read_bytes()
    assert end(written(tmp_path, content), container) is End.WHOLE
    shares = [len(content) * number // 23 for number in range(1, 23)]
    for size in (*shares, len(content) - 1):
        assert end(written(tmp_path, content[:size]), container) is End.MISSING, size


@pytest.mark.parametrize("suffix", SILENT)
def test_of_a_container_that_says_no_end_nothing_is_claimed(tmp_path: Path, suffix: str) -> None:
    clip, container = SILENT[suffix]
    path = make(tmp_path / f"a.{suffix}", clip)
    assert end(path, container) is End.UNKNOWN
    size = path.stat().st_size // 2 // 188 * 188
    assert end(written(tmp_path, path.read_bytes()[:size]), container) is End.UNKNOWN


def written(folder: Path, content: bytes) -> Path:
    path = folder / "written"
    path.write_bytes(content)
    return path


def box(kind: bytes, content: bytes = b"", size: int | None = None) -> bytes:
    """Return a box of MP4."""
    return (8 + len(content) if size is None else size).to_bytes(4) + kind + content


def chunk(kind: bytes, content: bytes, size: int | None = None) -> bytes:
    """Return a chunk of RIFF."""
    return kind + (len(content) if size is None else size).to_bytes(4, "little") + content


MOOV, MVEX, MDAT = box(b"moov"), box(b"moov", box(b"mvex")), box(b"mdat", b"x" * 100)
LARGE = box(b"mdat", (116).to_bytes(8) + b"x" * 100, 1)


def index(*sizes: int) -> bytes:
    """Return a segment index."""
    entries = b"".join(size.to_bytes(4) + bytes(8) for size in sizes)
    return box(b"sidx", bytes(22) + len(sizes).to_bytes(2) + entries)


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        (MOOV + MDAT, End.WHOLE),
        (MOOV + LARGE, End.WHOLE),
        (MOOV + LARGE[:-1], End.MISSING),
        (MDAT, End.MISSING),  # a recording that was not closed: no moov
        (MDAT + MOOV[:-3], End.MISSING),
        (MOOV + MDAT[:6], End.MISSING),
        (MOOV + MDAT + bytes(3), End.UNKNOWN),
        (MOOV + MDAT + bytes(300), End.UNKNOWN),
        (MOOV + box(b"mdat", b"x" * 100, 0), End.UNKNOWN),  # up to the end, wherever it is
        (box(b"mdat", b"x" * 100, 0), End.MISSING),
        (MOOV + MDAT + b"what an editor left", End.UNKNOWN),
        (MVEX, End.UNKNOWN),
        (MVEX + box(b"moof") + MDAT, End.UNKNOWN),
        (MVEX + box(b"moof"), End.MISSING),
        (MVEX + box(b"moof") + MDAT + box(b"moof") + MDAT[:-1], End.MISSING),
        (MVEX + box(b"moof") + MDAT + box(b"mfra"), End.WHOLE),
        (MVEX + index(116) + box(b"moof") + MDAT, End.UNKNOWN),  # one segment of many
        (MVEX + index(116, 116) + (box(b"moof") + MDAT) * 2, End.WHOLE),
        (MVEX + index(116, 116) + box(b"moof") + MDAT, End.MISSING),
        (MVEX + index(116, 116) + (box(b"moof") + MDAT) * 3, End.UNKNOWN),
    ],
)
def test_the_boxes_of_mp4_tell(tmp_path: Path, boxes: bytes, expected: End) -> None:
    path = written(tmp_path, box(b"ftyp", b"isom") + boxes)
    assert end(path, "mov,mp4,m4a,3gp,3g2,mj2") is expected


def movie(first: bytes, index_end: int = 0) -> bytes:
    """Return an AVI's first chunk with content, and an index of indexes up to a place."""
    used = int(index_end > 0)
    entries = index_end.to_bytes(8, "little") + bytes(8)
    head = b"\4\0\0\0" + used.to_bytes(4, "little") + b"00dc" + bytes(12)
    strl = chunk(b"LIST", b"strl" + chunk(b"indx", head + entries))
    return b"AVI " + chunk(b"LIST", b"hdrl" + strl) + first


FIRST, NEXT = chunk(b"RIFF", movie(b"x" * 50)), chunk(b"RIFF", b"AVIX" + b"y" * 50)
LONG = len(FIRST + NEXT * 2)


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        (FIRST, End.WHOLE),
        (FIRST + NEXT * 2, End.WHOLE),
        (FIRST + NEXT[:-1], End.MISSING),
        # More than a gigabyte, cut where the second chunk would begin: the index knows.
        (chunk(b"RIFF", movie(b"x" * 50, LONG)) + NEXT * 2, End.WHOLE),
        (chunk(b"RIFF", movie(b"x" * 50, LONG)) + NEXT, End.MISSING),
        (chunk(b"RIFF", movie(b"x" * 50, LONG)), End.MISSING),
        # A recording that was not closed, and one that went through a pipe.
        (chunk(b"RIFF", movie(b"x" * 50), 0), End.UNKNOWN),
        (chunk(b"RIFF", movie(b"x" * 50), 0xFFFF_FFFF), End.UNKNOWN),
        (FIRST + chunk(b"RIFF", b"AVIX" + b"y" * 50, 0), End.UNKNOWN),
        # Its size did not fit into 32 bits; it counts its own 8 bytes too.
        (FIRST + b"z" * 1000, End.UNKNOWN),
        (chunk(b"RIFF", movie(b"x" * 50), len(FIRST)), End.UNKNOWN),
    ],
)
def test_the_chunks_of_avi_tell(tmp_path: Path, chunks: bytes, expected: End) -> None:
    assert end(written(tmp_path, chunks), "avi") is expected


def test_a_file_that_was_made_whole_and_is_being_filled_is_not_whole(tmp_path: Path) -> None:
    """As programs do that fetch or copy in pieces: its size is there before its content."""
    clip = replace(NOISE, codec_options=FAST, movflags="+faststart")
    content = make(tmp_path / "a.mp4", clip).read_bytes()
    container = "mov,mp4,m4a,3gp,3g2,mj2"
    half = len(content) // 2
    zeros = written(tmp_path, content[:half] + bytes(len(content) - half))
    assert end(zeros, container) is End.UNKNOWN
    hole, last, filled = 1 << 20, b"the last", tmp_path / "holes.mp4"
    for kind, expected in ((b"mdat", End.UNKNOWN), (b"free", End.WHOLE)):
        filled.write_bytes(content + box(kind, size=8 + hole + len(last)))
        with filled.open("r+b") as file:
            file.seek(len(content) + 8 + hole)
            file.write(last)
        assert end(filled, container) is expected, "what is missing in padding, nobody misses"


def test_flv_is_believed_by_its_seconds_where_it_says_no_bytes(tmp_path: Path) -> None:
    content = make(tmp_path / "a.flv", CLIPS["flv"]).read_bytes()
    unsaid = content.replace(b"filesize", b"nothing_")
    assert end(written(tmp_path, unsaid), "flv") is End.WHOLE
    tags = [9 + 4]
    while tags[-1] < len(unsaid):
        tags.append(tags[-1] + 11 + int.from_bytes(unsaid[tags[-1] + 1 : tags[-1] + 4]) + 4)
    assert end(written(tmp_path, unsaid[: tags[len(tags) // 2]]), "flv") is End.MISSING
    live = unsaid.replace(b"duration", b"nothing_")
    assert end(written(tmp_path, live[: tags[len(tags) // 2]]), "flv") is End.UNKNOWN
    assert end(written(tmp_path, live[: tags[len(tags) // 2] + 9]), "flv") is End.MISSING


@pytest.mark.parametrize("cluster", ["-1", "2000"])
def test_the_last_cluster_of_a_live_matroska_file_tells_where_it_is_cut(
    tmp_path: Path, cluster: str
) -> None:
    whole, live = make(tmp_path / "a.mkv", CLIPS["mkv"]), tmp_path / "live.mkv"
    remux = ["ffmpeg", "-v", "error", "-i", str(whole), "-c", "copy", "-live", "1"]
    subprocess.run([*remux, "-cluster_size_limit", cluster, str(live)], check=True)
    content = live.read_bytes()
    assert end(live, "matroska,webm") is End.UNKNOWN, "more may follow"
    clusters = [found.start() for found in re.finditer(b"\x1f\x43\xb6\x75", content)]
    for place in clusters[1:]:
        cut_off = written(tmp_path, content[:place])
        assert end(cut_off, "matroska,webm") is End.UNKNOWN
        for more in (2, 6, 900):
            cut_off = written(tmp_path, content[: place + more])
            assert end(cut_off, "matroska,webm") is End.MISSING, more
    assert end(written(tmp_path, content[:-1]), "matroska,webm") is End.MISSING


def test_a_matroska_file_that_was_piped_promises_nothing(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mkv", CLIPS["mkv"])
    content = path.read_bytes()
    size = content.index(b"\x18\x53\x80\x67") + 4
    piped = tmp_path / "piped.mkv"
    unsaid = content[:size] + b"\x01" + b"\xff" * 7 + content[size + 8 :]
    piped.write_bytes(unsaid)
    assert end(piped, "matroska,webm") is End.UNKNOWN
    piped.write_bytes(unsaid[:-5000])
    assert end(piped, "matroska,webm") is End.MISSING, "within its last element"


def test_one_of_many_pictures_is_not_the_last(tmp_path: Path) -> None:
    """Motion JPEG without a container: each picture ends, and another may follow."""
    content = make(tmp_path / "a.mjpeg", CLIPS["mjpeg"]).read_bytes()
    assert end(written(tmp_path, content), "jpeg_pipe") is End.UNKNOWN
    assert end(written(tmp_path, content[:-9]), "jpeg_pipe") is End.MISSING


def test_looking_for_an_end_is_bounded_and_leaves_the_file_alone(tmp_path: Path) -> None:
    """Boxes without end: a million of them are not looked at."""
    path = written(tmp_path, box(b"ftyp", b"isom") + box(b"free") * 1_000_000)
    with path.open("rb") as file:
        file.seek(77)
        assert end_of(file.fileno(), "mov,mp4,m4a,3gp,3g2,mj2") is End.UNKNOWN
        assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == 77


@pytest.mark.parametrize("content", [b"", b"\x1a\x45\xdf\xa3", b"OggS" + b"\xff" * 30, b"G" * 400])
def test_no_content_leads_astray(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    for container in ("", *TRUSTED):
        for tail in (b"", ASF_PROPERTIES, b"\x18\x53\x80\x67", b"\x18\x53\x80\x67" + bytes(20)):
            path.write_bytes(content + tail)
            assert end(path, container) in End


def blanked(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(400) + content[middle + 400 :]


def without_packets(content: bytes) -> bytes:
    middle = len(content) // 2 // 188 * 188
    return content[:middle] + content[middle + 20 * 188 :]


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [("avi", blanked), ("flv", blanked), ("mpg", blanked), ("ts", without_packets)],
)
def test_damage_that_decoders_conceal_is_said(
    tmp_path: Path, suffix: str, damage: Callable[[bytes], bytes]
) -> None:
    path = make(tmp_path / f"a.{suffix}", CLIPS[suffix])
    path.write_bytes(damage(path.read_bytes()))
    _, missing = seen(path)
    assert missing is not None
    assert "damaged" in missing


def test_a_video_that_ends_before_its_time_is_told_by_seconds(tmp_path: Path) -> None:
    """A short one too: a second is much of it."""
    path = make(tmp_path / "a.mkv", Clip(frames=20, rate=Fraction(25), noisy=True))
    content = bytearray(path.read_bytes())
    half = len(content) // 2
    content[half:] = bytes(len(content) - half)
    path.write_bytes(content)
    kept, missing = seen(path)
    assert kept < 20
    assert missing is not None


def test_one_wrong_time_does_not_make_a_cut_video_whole(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mkv", replace(NOISE, codec="mpeg4"))
    with av.open(str(path)) as container:
        places = [packet.pos or 0 for packet in container.demux() if packet.size]
    content = bytearray(path.read_bytes())
    content[places[25] :] = bytes(len(content) - places[25])
    right = seen(written(tmp_path, bytes(content)))
    assert right == (25, "The file was cut off: it promises 2.0 s and ends after 1.0 s.")
    # A block's time, in milliseconds, stands behind its track's number.
    content[places[10] + 1 : places[10] + 3] = (30_000).to_bytes(2)
    assert seen(written(tmp_path, bytes(content)))[1] == right[1]


@pytest.mark.parametrize(
    ("wrong", "frames", "is_whole"),
    [
        ({}, 50, True),
        ({}, 20, False),
        ({10: (30_000, 40)}, 20, False),
        ({10: (30_000, 40), 11: (30_040, 40), 12: (30_080, 40)}, 20, False),
        ({19: (30_000, 40)}, 20, False),
        ({10: (400, 30_000)}, 20, False),
        ({10: (30_000, 40)}, 50, True),
        ({49: (1960, 60_000)}, 50, True),
        # Longer than its header says, picture after picture.
        ({number: (400 * number, 400) for number in range(50)}, 50, True),
    ],
)
def test_a_packet_s_time_counts_where_it_may_be_right(
    tmp_path: Path, wrong: dict[int, tuple[int, int]], frames: int, *, is_whole: bool
) -> None:
    """wrong: pts and duration in milliseconds, by the packet's number."""
    path = make(tmp_path / "a.mkv", replace(NOISE, codec="mpeg4"))
    with path.open("rb") as file, av.open(str(path)) as container:
        shortfall = CompletenessCheck(file.fileno(), container, container.streams.video[0])
        for number, packet in enumerate(container.demux()):
            if number < frames:
                packet.pts, packet.duration = wrong.get(number, (packet.pts, packet.duration))
                shortfall.read(packet)
        missing = shortfall.sentence(Fraction(1, 25))
    assert (missing is None) == is_whole, missing


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, "1 packet of the video is damaged and was "),
        (2, "2 packets of the video are damaged and were "),
    ],
)
def test_what_is_damaged_is_counted_in_words(tmp_path: Path, count: int, said: str) -> None:
    path = make(tmp_path / "a.mkv", replace(NOISE, codec="mpeg4"))
    with path.open("rb") as file, av.open(str(path)) as container:
        shortfall = CompletenessCheck(file.fileno(), container, container.streams.video[0])
        for _ in range(count):
            shortfall.decoding_failed()
        assert shortfall.sentence(Fraction(1, 25)) == f"{said}skipped."


def test_the_document_says_what_is_trusted_of_each_container() -> None:
    """Of every demuxer that may read a file: those that are not named say nothing."""
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
    section = text.split("### What a container says of its end\n")[1].split("\n### ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == {name.split(",")[0] for name in TRUSTED}
    assert named <= ALLOWED
