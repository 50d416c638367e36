"""Fragmented MP4 files whose samples are a clip's images: nothing is re-encoded.

After ISO/IEC 14496-12 (boxes) and 14496-1 (the decoder's configuration). All sizes are known from
the index, so the file's length is known and a segment index at its start lets players seek.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from viewer.export.clip import Clip
from viewer.model.errors import BadRequestError

# ObjectTypeIndication of 14496-1's registry.
_OBJECT_TYPES = {"JPEG": 0x6C, "PNG": 0x6D}
_MAX_FRAMES = 32
_MAX32 = 0xFFFFFFFF
# A fragment's size has 31 bits in the index. A single image is smaller than a Kafka message.
_MAX_PICTURES_BYTES = 1 << 30
_NS, _MICRO, _MILLI = 1_000_000_000, 1_000_000, 1_000
_IDENTITY = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_SYNC_SAMPLE = 0x02000000
_STARTS_WITH_SYNC = 0x90000000
_TRUN_FIXED_BYTES = 20


@dataclass(frozen=True)
class _Fragment:
    """Frames `start` to `start + len(sizes) - 1`, counted from the clip's start; times in ticks."""

    start: int
    begin: int
    sizes: list[int]
    durations: list[int]

    @property
    def head_bytes(self) -> int:
        return 8 + 16 + 8 + 16 + 20 + _TRUN_FIXED_BYTES + 8 * len(self.sizes) + 8

    @property
    def size_bytes(self) -> int:
        return self.head_bytes + sum(self.sizes)


def length(clip: Clip) -> int:
    """Return the file's size in bytes. Raises BadRequestError if MP4 can't hold the images."""
    return len(_head(clip)) + sum(fragment.size_bytes for fragment in _fragments(clip))


def written(clip: Clip, pictures: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the file. Times begin at 0 with the clip's first frame.

    Raises BadRequestError as `length` does.
    """
    yield _head(clip)
    remaining = iter(pictures)
    for number, fragment in enumerate(_fragments(clip), 1):
        before = _fragment_head(fragment, number)
        for _ in fragment.sizes:
            yield before + next(remaining)
            before = b""


def _ticks(clip: Clip) -> int:
    """Choose the ticks per second: nanoseconds, or microseconds if a duration exceeds 32 bits.

    A frame's end follows from the next frame's time, however long it lasts. Only the last frame's
    duration must fit into 32 bits: it may need longer ticks, up to a millisecond, which allow 49
    days at most.
    """
    *_, last_ns = durations = list(clip.durations_ns())
    if max(durations) <= _MAX32:
        return _NS
    return min(_MICRO, max(_MILLI, _MAX32 * _NS // max(last_ns, 1)))


def _fragments(clip: Clip) -> Iterator[_Fragment]:
    """Cut the clip where a fragment is full, or its duration or size would exceed 32 bits.

    Times are rounded from the clip's start, so that rounding errors don't add up. After a frame
    that lasts longer than its duration field can say, a new fragment states the next time.
    """
    ticks, zero = _ticks(clip), clip.pts_ns[0]
    current = _Fragment(0, 0, [], [])
    end_ns, begin = zero, 0
    for i, duration_ns in enumerate(clip.durations_ns()):
        end_ns += duration_ns
        end = (end_ns - zero) * ticks // _NS
        too_long = end - current.begin > _MAX32
        too_large = sum(current.sizes) + clip.sizes_bytes[i] > _MAX_PICTURES_BYTES
        if current.sizes and (too_long or too_large or len(current.sizes) == _MAX_FRAMES):
            yield current
            current = _Fragment(i, begin, [], [])
        current.sizes.append(clip.sizes_bytes[i])
        current.durations.append(min(end - begin, _MAX32))
        begin = end
    yield current


def _head(clip: Clip) -> bytes:
    ticks = _ticks(clip)
    total = (clip.end_pts_ns - clip.pts_ns[0]) * ticks // _NS
    brands = _box("ftyp", b"isom", struct.pack(">I", 512), b"isomiso6mp41")
    movie = _box(
        "moov",
        _full(
            "mvhd", 0, 0, struct.pack(">4I", 0, 0, ticks, 0), struct.pack(">IH10x", 0x10000, 0x100),
            _IDENTITY, struct.pack(">24xI", 2),
        ),
        _track(clip, ticks),
        _box(
            "mvex",
            _full("mehd", 1, 0, struct.pack(">Q", total)),
            _full("trex", 0, 0, struct.pack(">5I", 1, 1, 0, 0, _SYNC_SAMPLE)),
        ),
    )  # fmt: skip
    return brands + movie + _segment_index(clip, ticks)


def _track(clip: Clip, ticks: int) -> bytes:
    stream = clip.view.stream
    shown_width = stream.width * stream.sample_aspect_num // max(stream.sample_aspect_den, 1)
    size = struct.pack(">2I", (shown_width & 0xFFFF) << 16, (stream.height & 0xFFFF) << 16)
    empty = struct.pack(">I", 0)
    return _box(
        "trak",
        _full("tkhd", 0, 3, struct.pack(">5I16x", 0, 0, 1, 0, 0), _IDENTITY, size),
        _box(
            "mdia",
            _full("mdhd", 0, 0, struct.pack(">4I2H", 0, 0, ticks, 0, 0x55C4, 0)),
            _full("hdlr", 0, 0, struct.pack(">I4s12xx", 0, b"vide")),
            _box(
                "minf",
                _full("vmhd", 0, 1, bytes(8)),
                _box("dinf", _full("dref", 0, 0, struct.pack(">I", 1), _full("url ", 0, 1))),
                _box(
                    "stbl",
                    _full("stsd", 0, 0, struct.pack(">I", 1), _sample_entry(clip)),
                    _full("stts", 0, 0, empty),
                    _full("stsc", 0, 0, empty),
                    _full("stsz", 0, 0, empty, empty),
                    _full("stco", 0, 0, empty),
                ),
            ),
        ),
    )


def _sample_entry(clip: Clip) -> bytes:
    stream = clip.view.stream
    object_type = _OBJECT_TYPES.get(stream.encoding)
    if object_type is None:
        raise BadRequestError(
            f"MP4 can't hold {stream.encoding} images without re-encoding; request .zip or .avro."
        )
    decoder = struct.pack(">BB3xII", object_type, 0x11, 0, 0)
    configured = _descriptor(4, decoder) + _descriptor(6, b"\2")
    aspect = struct.pack(">2I", stream.sample_aspect_num, stream.sample_aspect_den)
    return _box(
        "mp4v",
        struct.pack(">6xH16x2H", 1, stream.width & 0xFFFF, stream.height & 0xFFFF),
        struct.pack(">2I4xH32xHh", 0x480000, 0x480000, 1, 0x18, -1),
        _full("esds", 0, 0, _descriptor(3, struct.pack(">HB", 1, 0) + configured)),
        _box("pasp", aspect),
    )


def _segment_index(clip: Clip, ticks: int) -> bytes:
    """Return the segment index; empty if the box can't count all fragments."""
    entries = b"".join(
        struct.pack(">3I", fragment.size_bytes, sum(fragment.durations), _STARTS_WITH_SYNC)
        for fragment in _fragments(clip)
    )
    count = len(entries) // 12
    if count > 0xFFFF:
        return b""
    return _full("sidx", 1, 0, struct.pack(">2I2Q2H", 1, ticks, 0, 0, 0, count), entries)


def _fragment_head(fragment: _Fragment, number: int) -> bytes:
    samples = zip(fragment.durations, fragment.sizes, strict=True)
    head = _box(
        "moof",
        _full("mfhd", 0, 0, struct.pack(">I", number)),
        _box(
            "traf",
            _full("tfhd", 0, 0x020000, struct.pack(">I", 1)),
            _full("tfdt", 1, 0, struct.pack(">Q", fragment.begin)),
            _full(
                "trun", 0, 0x301,
                struct.pack(">2I", len(fragment.sizes), fragment.head_bytes),
                *(struct.pack(">2I", *sample) for sample in samples),
            ),
        ),
    )  # fmt: skip
    return head + struct.pack(">I4s", 8 + sum(fragment.sizes), b"mdat")


def _box(kind: str, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind.encode()) + body


def _full(kind: str, version: int, flags: int, *content: bytes) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags), *content)


def _descriptor(tag: int, body: bytes) -> bytes:
    return struct.pack(">BB", tag, len(body)) + body
