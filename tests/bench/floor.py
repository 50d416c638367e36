"""`python -m tests.bench.floor FILM THREADS`: decodes, converts and encodes; sends nothing.

The least that ingest has to do: a loop over the same decoder, conversion and JPEG encoder, in one
process. Prints the number of pictures.
"""

from __future__ import annotations

import sys

import av
import cv2
from ingest.choices import Choices
from ingest.decoded import Picture
from ingest.encoders import encoder
from ingest.memory import reuse_memory


def main() -> None:
    """Encode the whole film."""
    film, threads = sys.argv[1:]
    cv2.setNumThreads(1)
    reuse_memory()
    encode = encoder(Choices(), 15 << 20).encode
    pictures = 0
    with av.open(film) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = int(threads)
        for frame in container.decode(stream):
            encode(Picture(frame))
            pictures += 1
    sys.stdout.write(f"{pictures}\n")


if __name__ == "__main__":
    main()
