"""`python -m framelog_local.sbom FOLDER`: writes what each part is made of, as CycloneDX.

One file for each of ingest, viewer, setup and the Java programs, from the lock files alone: names,
versions and the hashes of the files that may be installed. Runs in the tests' venv.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from framelog_local.artifacts import is_registry, read_lock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PYTHON_PARTS = {
    "framelog-ingest": "services/ingest",
    "framelog-viewer": "services/viewer",
    "framelog-setup": "deploy/setup",
}
# name==version, what it is for, and its hashes, each on a line that goes on.
LOCKED = re.compile(r"^([\w.-]+)==([\w.!+-]+)(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def python_components(lock: str) -> Iterator[Component]:
    """Yield the packages of a requirements.lock; `setuptools` builds and is left out of images."""
    for name, version, rest in LOCKED.findall(lock):
        if name != "setuptools":
            hashes = re.findall(r"--hash=sha256:(\w+)", rest)
            yield _library(PackageURL("pypi", None, name, version), hashes)


def java_components() -> Iterator[Component]:
    """Yield Kafka's jars and the registry's archive."""
    for artifact in read_lock():
        qualifiers = {"classifier": artifact.classifier, "type": artifact.packaging}
        url = PackageURL("maven", artifact.group, artifact.name, artifact.version, qualifiers)
        yield _library(url, [artifact.sha256], application=is_registry(artifact))


def document(name: str, components: Iterable[Component]) -> str:
    """Return the bill of materials of one part, as JSON."""
    bom = Bom(components=components)
    part = Component(name=name, type=ComponentType.APPLICATION, bom_ref=name)
    bom.metadata.component = part
    # A lock file doesn't say who needs whom: the part needs them all.
    bom.register_dependency(part, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=2)


def _library(url: PackageURL, sha256: Iterable[str], *, application: bool = False) -> Component:
    return Component(
        type=ComponentType.APPLICATION if application else ComponentType.LIBRARY,
        group=url.namespace,
        name=url.name,
        version=url.version,
        purl=url,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=content) for content in sha256],
    )


def main() -> None:
    """Write the files into the folder that the command names, and say where they are."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    documents = {
        name: document(name, python_components(Path(part, "requirements.lock").read_text("utf-8")))
        for name, part in PYTHON_PARTS.items()
    }
    documents["framelog-java"] = document("framelog-java", java_components())
    for name, text in documents.items():
        path = folder / f"{name}.cdx.json"
        path.write_text(f"{text}\n", encoding="utf-8")
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
