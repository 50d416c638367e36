"""Makes the token of ingest's control routes, `python -m framelog_setup.ingest_token FILE`.

FRAMELOG_INGEST_TOKEN goes into the file, where it is set; else what the file holds stays, or a
new token is made. Whoever is given the file may steer ingest.
"""

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

_BYTES = 32


def write(file: Path, environ: Mapping[str, str]) -> None:
    """Have the file hold the token. Raises OSError."""
    given = environ.get("FRAMELOG_INGEST_TOKEN")
    kept = file.read_text(encoding="utf-8") if file.exists() else None
    file.write_text(given or kept or secrets.token_urlsafe(_BYTES), encoding="utf-8")
    file.chmod(0o644)  # for services' users; who may reach it, the volume says


if __name__ == "__main__":
    write(Path(sys.argv[1]), os.environ)
