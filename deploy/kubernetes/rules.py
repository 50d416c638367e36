"""Writes deploy/prometheus's rules as the Prometheus operator wants them; see `make dashboards`.

Kustomize can't put a file's content into a resource, and Prometheus takes no file with more in it.
"""

from pathlib import Path

HERE = Path(__file__).parent
RULES = HERE.parent / "prometheus" / "rules"
TARGET = HERE / "components" / "monitoring" / "rules.yaml"
HEAD = """\
# Written by `make dashboards` from deploy/prometheus/rules, where changes belong.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: framelog
spec:
  groups:
"""


def manifest() -> str:
    """Return the manifest: the groups of all files, in the files' order of names."""
    groups = []
    for path in sorted(RULES.glob("*.yml")):
        _, _, within = path.read_text(encoding="utf-8").partition("\ngroups:\n")
        groups += [f"  {line}".rstrip() for line in within.splitlines()]
    return HEAD + "\n".join(groups) + "\n"


if __name__ == "__main__":
    TARGET.write_text(manifest(), encoding="utf-8")
