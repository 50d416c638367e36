"""`python -m tests.bench.tutorial FILM FRAMES TOPIC SERVERS`: the producer that Framelog grew from.

OpenCV, a PNG and a send a frame, every setting the client's own; only its sleep of 0.2 s is left
out, and it may send a message of more than 1 MB. Prints when it began and ended.
"""

from __future__ import annotations

import sys
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import cv2
from confluent_kafka import Producer

if TYPE_CHECKING:
    from collections.abc import Iterator


def main() -> None:
    """Send the film's first frames."""
    film, frames, topic, servers = sys.argv[1:]
    producer = Producer({"bootstrap.servers": servers, "message.max.bytes": 16 << 20})
    began = time.time()
    for picture in islice(_pictures(film), int(frames)):
        _, image = cv2.imencode(".png", picture)
        producer.produce(topic, image.tobytes())
        producer.poll(0)
    producer.flush()
    sys.stdout.write(f"{began} {time.time()}\n")


def _pictures(film: str) -> Iterator[Any]:
    video = cv2.VideoCapture(film)
    while video.isOpened():
        read, picture = video.read()
        if not read:
            break
        yield picture
    video.release()


if __name__ == "__main__":
    main()
