"""The description of the routes, for programs: openapi.yaml as JSON."""

import json
from importlib.resources import files

import yaml


def openapi_json() -> str:
    """Return the description as JSON."""
    text = files("viewer").joinpath("openapi.yaml").read_text(encoding="utf-8")
    return json.dumps(yaml.safe_load(text), separators=(",", ":"))
