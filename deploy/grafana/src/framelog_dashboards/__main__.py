"""`python -m framelog_dashboards FOLDER`: writes each dashboard's JSON, which Grafana reads."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from framelog_dashboards import ingest, overview, viewer


def rendered() -> dict[str, str]:
    """Return the text of each file by its name."""
    pages = {"overview": overview, "ingest": ingest, "viewer": viewer}
    return {
        f"{name}.json": json.dumps(page.dashboard(), cls=JSONEncoder, indent=1) + "\n"
        for name, page in pages.items()
    }


def main() -> None:
    """Write them into the folder that is named."""
    folder = Path(sys.argv[1])
    for name, text in rendered().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
