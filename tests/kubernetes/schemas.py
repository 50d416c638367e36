"""The schemas by which a cluster would judge each manifest, from their own publishers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from framelog_local.artifacts import Artifact
from framelog_local.download import fetch
from framelog_local.venvs import java_of
from jgo.maven import MavenContext, PythonResolver

if TYPE_CHECKING:
    from collections.abc import Mapping

KUBERNETES = "1.34"
STRIMZI = "1.2.0"
STRIMZI_JARS = (
    Artifact(
        *("io.strimzi", "crd-generator", "jar", "", STRIMZI),
        sha256="76bb2430e702a1e6a24c071d26c865d5e9572cbc630d176d3b912033ae23ed00",
    ),
    Artifact(
        *("io.strimzi", "api", "jar", "", STRIMZI),
        sha256="566961ae5e5646a001ae91312beda5cba3a5d467e740e205e1b761754335fe4e",
    ),
)
STRIMZI_CLASSES = {
    "Kafka": "kafka.Kafka",
    "KafkaNodePool": "nodepool.KafkaNodePool",
    "KafkaTopic": "topic.KafkaTopic",
    "KafkaUser": "user.KafkaUser",
}
PACKAGE = "io.strimzi.api.kafka.model"


class Judge:
    """Knows the schema of every kind that the manifests use."""

    def __init__(self, cache: Path) -> None:
        """Bring Strimzi's resource definitions; the others come with their packages."""
        from jsonschema import Draft7Validator  # noqa: PLC0415 (large, and not every run judges)

        definitions = _strimzi_definitions(cache)
        self._strimzi = {
            kind: Draft7Validator(_strict(_schema(definitions / f"{kind}.yaml")))
            for kind in STRIMZI_CLASSES
        }

    def complaints(self, manifest: Mapping[str, Any]) -> list[str]:
        """Return what is wrong with a manifest: what its schema forbids or does not know."""
        import kubernetes_validate  # noqa: PLC0415 (large, as are the next)
        from cloudcoil.models.keda import v1alpha1 as keda  # noqa: PLC0415
        from cloudcoil.models.prometheus_operator import v1 as prometheus_operator  # noqa: PLC0415

        group = manifest["apiVersion"].rpartition("/")[0]
        kind = manifest["kind"]
        if group == "kafka.strimzi.io":
            errors = self._strimzi[kind].iter_errors(manifest)
            return [f"{error.json_path}: {error.message}" for error in errors]
        try:
            if group == "monitoring.coreos.com":
                getattr(prometheus_operator, kind).model_validate(manifest, extra="forbid")
            elif group == "keda.sh":
                getattr(keda, kind).model_validate(manifest, extra="forbid")
            else:
                kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
        except (ValueError, kubernetes_validate.ValidationError) as error:
            return [str(error)]
        return []


def _strimzi_definitions(cache: Path) -> Path:
    """Write the definitions with Strimzi's own generator, once for each version."""
    folder = cache / f"strimzi-{STRIMZI}"
    written = folder / "definitions"
    if all((written / f"{kind}.yaml").is_file() for kind in STRIMZI_CLASSES):
        return written
    context = MavenContext(
        resolver=PythonResolver(), repo_cache=folder / "jars", local_repos=[], timeout=60
    )
    written.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [
            java_of(Path(sys.prefix)),
            *("-Xmx256m", "-cp", os.pathsep.join(str(fetch(context, jar)) for jar in STRIMZI_JARS)),
            "io.strimzi.crdgenerator.CrdGenerator",
            *("--yaml", "--target-kube", "1.16+", "--crd-api-version", "v1"),
            *("--api-versions", "v1", "--storage-version", "v1"),
            *(f"{PACKAGE}.{c}={written / kind}.yaml" for kind, c in STRIMZI_CLASSES.items()),
        ],
        check=True,
    )
    return written


def _schema(path: Path) -> dict[str, Any]:
    definition = yaml.safe_load(path.read_text(encoding="utf-8"))
    schema: dict[str, Any] = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["metadata"] = {"x-kubernetes-preserve-unknown-fields": True}
    return schema


def _strict(schema: Any) -> Any:
    """Forbid what a server would drop in silence: fields that the definition does not name."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    within = {key: _strict(part) for key, part in schema.items()}
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        within.setdefault("additionalProperties", bool(open_ended))
    return within
