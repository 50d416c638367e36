"""The description of the routes, for programs: openapi.yaml as JSON."""

import json
from functools import cache
from importlib.resources import files

import yaml


@cache
def openapi_json() -> str:
    """Return the description as JSON; reading it takes a quarter of a second, once."""
    text = files("viewer").joinpath("openapi.yaml").read_text(encoding="utf-8")
    return json.dumps(yaml.safe_load(text), separators=(",", ":"))
