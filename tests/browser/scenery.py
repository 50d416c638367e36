"""What never was, for screenshots of the pages: landscapes, and 15 minutes of a busy stack."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from tests.support.painting import Picture

Colour = tuple[int, int, int]
Plane = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


@dataclass(frozen=True)
class Scene:
    """Colours, RGB, and the seed of a landscape's shapes."""

    seed: int
    zenith: Colour
    horizon: Colour
    far: Colour
    near: Colour
    light: Colour
    water: bool = False


SCENES = {
    "harbour-dusk.mp4": Scene(
        3, (38, 52, 96), (244, 160, 104), (104, 92, 132), (28, 30, 52), (255, 214, 150), water=True
    ),
    "ridge-cam-04.mkv": Scene(
        8, (84, 142, 206), (214, 230, 240), (138, 164, 186), (36, 66, 48), (255, 250, 226)
    ),
    "glacier_north.mp4": Scene(
        21, (12, 24, 52), (88, 150, 160), (96, 124, 150), (20, 30, 46), (196, 255, 226), water=True
    ),
    "desert-run 2.mov": Scene(
        34, (98, 140, 190), (248, 214, 160), (204, 140, 98), (112, 60, 40), (255, 244, 214)
    ),
    "orchard_morning.webm": Scene(
        55, (150, 190, 214), (250, 236, 200), (150, 178, 140), (52, 84, 44), (255, 246, 200)
    ),
    "lake at noon.mp4": Scene(
        89, (60, 120, 190), (190, 216, 232), (90, 124, 140), (26, 58, 54), (255, 255, 240),
        water=True,
    ),
}  # fmt: skip


def landscape(scene: Scene, seconds: float, width: int = 1280, height: int = 720) -> Picture:
    """Return the scene, BGR, as it is after so many seconds of the camera's slow way past it."""
    rng = np.random.default_rng(scene.seed)
    shore = int(height * (0.68 if scene.water else 1.0))
    rows = np.linspace(0, 1, shore, dtype=np.float32)[:, None, None]
    sky = _mix(scene.zenith, scene.horizon, np.clip(rows / 0.8, 0, 1) ** 1.4)
    image = np.repeat(sky, width, axis=1)
    _shine(image, scene, seconds)
    drift = seconds * width * 0.01
    clouds = _noise(rng, shore, width, drift * 1.5, (0.9, 0.28))
    veil = np.clip((clouds - 0.52) * 2.4, 0, 0.75)[..., None] * (1 - rows) ** 0.6
    image += (_colour(scene.light) * 0.96 - image) * veil
    for depth in range(5):
        _add_ridge(image, scene, rng, depth / 4, drift * (0.3 + depth * 0.9))
    if scene.water:
        image = np.concatenate([image, _reflection(image, scene, rng, seconds, height - shore)])
    image += rng.normal(0, 2.2, image.shape).astype(np.float32)
    return np.clip(image[..., ::-1], 0, 255).astype(np.uint8)


def _colour(colour: Colour) -> Plane:
    return np.array(colour, np.float32)


def _mix(first: Colour, second: Colour, share: Plane | float) -> Plane:
    return _colour(first) + (_colour(second) - _colour(first)) * share


def _shine(image: Plane, scene: Scene, seconds: float) -> None:
    height, width = image.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = width * (0.68 - seconds * 0.001), height * (0.36 + seconds * 0.002)
    distance = np.hypot(columns - x, rows - y) / height
    disc = 1 / (1 + np.exp(np.minimum((distance - 0.045) * 220, 60)))
    glow = np.exp(-distance * 4.5) * 0.8 + disc
    image += (_colour(scene.light) - image) * np.clip(glow, 0, 1)[..., None]


def _noise(
    rng: np.random.Generator, height: int, width: int, drift: float, size: tuple[float, float]
) -> Plane:
    """Return smooth noise from 0 to 1, of several octaves, moved left by so many pixels."""
    total: Plane = np.zeros((height, width), np.float32)
    shift = np.array([[1, 0, -drift], [0, 1, 0]], np.float32)
    for octave in range(5):
        cells = int(5 * size[0] * 2**octave) + 3, int(5 * size[1] * 2**octave * 4) + 3
        grid = rng.random(cells).astype(np.float32)
        plane = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        moved = cv2.warpAffine(plane, shift, (width, height), borderMode=cv2.BORDER_REFLECT)
        total += moved.astype(np.float32) * 0.5**octave
    return total / 1.94


def _add_ridge(
    image: Plane, scene: Scene, rng: np.random.Generator, near: float, drift: float
) -> None:
    height, width = image.shape[:2]
    profile = np.zeros(width, np.float32)
    columns = (np.arange(width) + drift) / width
    for octave in range(8):
        phase, swing = rng.random(2) * 2 * np.pi
        frequency = 2.1 * (1.9**octave) * (1 + near)
        wave = np.sin(columns * frequency + phase + np.sin(columns * frequency * 0.7 + swing))
        profile += wave.astype(np.float32) * 0.55**octave
    top = height * (0.56 + near * (0.24 if scene.water else 0.36) - (0.075 - near * 0.02) * profile)
    rows = np.arange(height, dtype=np.float32)[:, None]
    inside = np.clip(rows - top[None, :], 0, 1)[..., None]
    texture = _noise(rng, height, width, drift, (3 + near * 3, 0.8))[..., None] - 0.5
    below = np.clip((rows - top[None, :]) / height * 3, 0, 1)[..., None]
    colour = _mix(scene.far, scene.near, near)
    mist = _colour(scene.horizon) * (0.35 * (1 - near)) * below
    shaded = colour * (1 + texture * (0.35 + 0.6 * near)) * (1 - 0.18 * near * below) + mist
    image += (shaded - image) * inside


def _reflection(
    image: Plane, scene: Scene, rng: np.random.Generator, seconds: float, height: int
) -> Plane:
    width = image.shape[1]
    mirrored = image[::-1][:height]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    depth = rows / height
    ripple = np.sin(rows * 26 / (6 + 30 * depth) + columns / (18 + 60 * depth) + seconds * 2.4)
    chop = _noise(rng, height, width, seconds * 30, (3.0, 0.6)) - 0.5
    x = columns + ripple * (2 + 16 * depth) + chop * 40 * depth
    y = np.clip(rows + (ripple * 3 + chop * 40) * depth, 0, height - 1)
    moved = cv2.remap(
        mirrored, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    ).astype(np.float32)  # fmt: skip
    sheen = (0.72 + 0.5 * chop + 0.06 * ripple)[..., None]
    water: Plane = moved * sheen + _colour(scene.near) * 0.22
    return water


def status() -> dict[str, Any]:
    """Make what `GET /api/status` answers: a folder of videos, then a live one and its watchers."""
    dice = np.random.default_rng(7)
    n = np.arange(181)
    at_ms = int(time.time() * 1000)
    folder, live = (n > 20) & (n < 120), n >= 40

    def around(level: Any, spread: float, where: Any = True) -> list[float | None]:
        values = level + spread * dice.random(len(n))
        return [float(v) if there else None for v, there in zip(values, n * 0 + where, strict=True)]

    series = {
        "frames_committed_per_second": around(folder * (190 + 30 * np.sin(n / 9)) + live * 25, 6),
        "frames_delivered_per_second": around(live * (25 + 25 * (n // 60)), 3),
        "watchers": around(live * (1 + n // 60), 0),
        "live_latency_p50_seconds": around(0.29, 0.03, live),
        "live_latency_p99_seconds": around(0.46, 0.08, live),
        "seek_p99_seconds": around(0.008, 0.009, n % 50 > 12),
        "commit_p50_seconds": around(0.031, 0.005, n > 20),
        "commit_p99_seconds": around(0.08, 0.02, n > 20),
        "files_waiting": around(np.where(n > 20, np.maximum(0, 7 - n // 18), 0), 0),
        "frames_skipped_per_second": around(4.0 * ((n > 96) & (n < 104)), 0),
        "catalogue_lag_seconds": around(0, 0.04),
        "disk_free_bytes": around(3.1e11 - n * 2e8, 0),
        "disk_size_bytes": around(5e11, 0),
    }
    kept = {"partitions": 6, "retention_ms": 604_800_000, "retention_bytes": None}
    return {
        "at_ms": at_ms,
        "interval_seconds": 5,
        "services": [
            {"name": name, "state": "ready", "sentence": said, "address": at, "version": version}
            for name, said, at, version in (
                ("viewer", "12 streams are in the catalogue.", None, "0.1.0"),
                ("ingest", "Ready for videos.", "ingest:8001", "0.1.0"),
                ("kafka", "One broker answers.", "kafka:19092", None),
                ("registry", "It answers.", "registry:8080", "3.3.3"),
            )
        ],
        "topics": [
            {**kept, "name": "video.frames", "offsets": 184_223, "image_bytes": 18_222_333_444,
             "disk_bytes": 18_304_551_102, "cleanup_policy": "delete",
             "retention_bytes": 10_737_418_240},
            {**kept, "name": "video.index", "offsets": 5812, "image_bytes": None,
             "disk_bytes": 4_103_998, "cleanup_policy": "compact,delete"},
            {**kept, "name": "video.streams", "offsets": 5830, "image_bytes": None,
             "disk_bytes": 1_201_334, "cleanup_policy": "compact", "partitions": 1},
        ],
        "times_ms": [at_ms - 5000 * int(180 - i) for i in n],
        "series": series,
    }  # fmt: skip
