"""What the README tells people to type works as it stands there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.support.cluster import Cluster, Topics
from tests.support.log_writer import write_stream

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
FRAMES = 20


def example(language: str, word: str, cluster: Cluster, topics: Topics) -> str:
    """Return the README's block of code with this word in it, made to use the test's cluster."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    code = str(next(block for block in blocks if word in block))
    for theirs, ours in (
        ("127.0.0.1:9092", cluster.bootstrap_servers),
        ("http://127.0.0.1:8081/apis/ccompat/v7", cluster.registry_url),
        ("video.frames", topics.frames),
    ):
        assert theirs in README
        code = code.replace(theirs, ours)
    return code


def test_ten_lines_of_python_read_the_frames(
    cluster: Cluster, topics: Topics, tmp_path: Path
) -> None:
    written = write_stream(cluster, topics, FRAMES)
    script = tmp_path / "example.py"
    script.write_text(example("python", "DeserializingConsumer", cluster, topics))
    run = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.stdout.splitlines() == [
        f"{written.stream_id} {number} {len(image)}" for number, image in enumerate(written.images)
    ], run.stderr


def test_kcat_lists_the_frames(cluster: Cluster, topics: Topics) -> None:
    written = write_stream(cluster, topics, FRAMES)
    command = shlex.split(example("sh", "kcat", cluster, topics))
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    lines = [line for line in run.stdout.splitlines() if line.startswith("stream ")]
    assert len(lines) == FRAMES, run.stderr
    assert lines[0].startswith(f"stream {written.stream_id}: partition 0, offset 0, ")
