"""The manifests as kustomize builds them, and what can be asked of them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"
OVERLAYS = ("one-node", "production")
# With what builds it: kubectl comes as a package, and kustomize within it.
KUBECTL = Path(sys.prefix) / "bin" / "kubectl"

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    """A pod template of ours."""

    name: str
    labels: dict[str, str]
    spec: Manifest

    @property
    def container(self) -> Manifest:
        """Its only container."""
        (container,) = self.spec["containers"]
        found: Manifest = container
        return found

    @property
    def variables(self) -> dict[str, str]:
        """Settings whose values are written in the manifest."""
        return {v["name"]: v["value"] for v in self.container["env"] if "value" in v}

    @property
    def secrets(self) -> set[str]:
        """Names of the secrets that it needs to start."""
        volumes = (v["secret"]["secretName"] for v in self.spec["volumes"] if "secret" in v)
        variables = (v.get("valueFrom", {}).get("secretKeyRef") for v in self.container["env"])
        return {*volumes, *(reference["name"] for reference in variables if reference)}


@cache
def built(folder: str) -> tuple[Manifest, ...]:
    """Return what `kubectl apply -k` would send for a folder of deploy/kubernetes."""
    made = subprocess.run(
        [KUBECTL, "kustomize", KUBERNETES / folder], check=False, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    assert not made.stderr, made.stderr
    return tuple(yaml.safe_load_all(made.stdout))


def overlay(name: str) -> tuple[Manifest, ...]:
    """Return an overlay's manifests."""
    return built(f"overlays/{name}")


def of_kind(manifests: tuple[Manifest, ...], *kinds: str) -> list[Manifest]:
    """Return the manifests of some kinds."""
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def named(manifests: tuple[Manifest, ...], kind: str, name: str) -> Manifest:
    """Return one manifest."""
    (found,) = (m for m in of_kind(manifests, kind) if m["metadata"]["name"] == name)
    return found


def pods(manifests: tuple[Manifest, ...]) -> dict[str, Pod]:
    """Return the pods that the manifests start, by the name of what starts them."""
    found = {}
    for manifest in of_kind(manifests, "Deployment", "StatefulSet", "Job"):
        template = manifest["spec"]["template"]
        name = manifest["metadata"]["name"]
        found[name] = Pod(name, template["metadata"]["labels"], template["spec"])
    return found


def selects(selector: Manifest, labels: dict[str, str]) -> bool:
    """Whether a label selector chooses something with these labels."""
    wanted = selector.get("matchLabels", {})
    ways = {"In": lambda value, values: value in values}
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        ways[e["operator"]](labels.get(e["key"]), e["values"])
        for e in selector.get("matchExpressions", [])
    )
