"""No rule and no dashboard asks Framelog's services for a metric that they don't have."""

import ingest.telemetry.metrics
import viewer.telemetry.metrics
from prometheus_client import CollectorRegistry, generate_latest

from tests.monitoring.promql import names, panel_expressions, rule_expressions


def test_what_is_asked_of_the_services_is_what_they_export() -> None:
    registries = [CollectorRegistry(), CollectorRegistry()]
    ingest.telemetry.metrics.Metrics(registries[0], "1.0", slots=2)
    viewer.telemetry.metrics.Metrics(registries[1])
    exported = {
        line.split("{")[0].split(" ")[0]
        for registry in registries
        for line in generate_latest(registry).decode().splitlines()
    }
    asked = panel_expressions() | rule_expressions("record") | rule_expressions("alert")
    named = {name for expr in asked.values() for name in names(expr)}

    assert {name for name in named if name.startswith("framelog_")} <= exported
