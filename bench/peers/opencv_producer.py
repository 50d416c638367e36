"""The tutorial's producer, from which Framelog grew: OpenCV, and one PNG and one send a frame.

`python -m bench.peers.opencv_producer FILM FRAMES TOPIC SERVERS` prints when it began and ended.
All settings are the client's defaults, except that messages may exceed 1 MB. The tutorial's sleep
of 0.2 s a frame is left out.
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
