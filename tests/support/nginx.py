"""Debian's nginx before a viewer, set up as docs/scale.md says."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from tests.support.processes import Process, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCALE = Path(__file__).parents[2] / "docs" / "scale.md"
_BLOCK = re.compile(r"<!-- nginx -->\n```nginx\n(.*?)```\n<!-- end of nginx -->", re.DOTALL)
_AROUND = """
daemon off;
pid {folder}/nginx.pid;
{user}
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
{documented}
}}
"""


@contextmanager
def nginx_before(viewer_port: int, port: int, folder: Path) -> Iterator[str]:
    """Run nginx on a port, in a folder of its own; yield its address."""
    found = _BLOCK.search(_SCALE.read_text("utf-8"))
    assert found, f"{_SCALE} has no configuration between its marks"
    documented = found[1]
    for stated, here in {
        "/var/cache/nginx/framelog": f"{folder}/cache",
        "viewer:8000": f"127.0.0.1:{viewer_port}",
        "listen 80;": f"listen 127.0.0.1:{port};",
    }.items():
        assert documented.count(stated) == 1, f"docs/scale.md no longer says {stated!r}"
        documented = documented.replace(stated, here)
    folder.mkdir(parents=True)
    configuration = folder / "nginx.conf"
    # Its workers can't enter a test's folder as anybody else.
    user = "user root;" if folder.owner() == "root" else ""
    configuration.write_text(_AROUND.format(folder=folder, user=user, documented=documented))
    command = ["nginx", "-p", str(folder), "-e", "stderr", "-c", str(configuration)]
    address = f"http://127.0.0.1:{port}"
    with Process("nginx", command, log=folder / "nginx.log") as process:
        wait_for(lambda: _answers(address), alive=process, what="nginx")
        yield address


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/healthz", timeout=60).ok
    except requests.ConnectionError:
        return False
