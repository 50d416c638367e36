"""A dashboard as a whole: rows of panels, with what all dashboards have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

from framelog_dashboards.panels import SOURCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grafana_foundation_sdk.cog.builder import Builder

    Panels = Sequence[Builder[model.Panel]]

TAG = "framelog"


def page(
    uid: str, title: str, description: str, rows: Mapping[str, Panels], *, job: str | None = None
) -> model.Dashboard:
    """Return the dashboard; with a job, its instances can be chosen among as $instance."""
    dashboard = (
        build.Dashboard(title)
        .uid(f"{TAG}-{uid}")
        .description(description)
        .tags([TAG])
        .readonly()
        .timezone("browser")
        .time("now-30m", "now")
        .refresh("10s")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .link(_others())
    )
    if job:
        dashboard.with_variable(_instances(job))
    for heading, panels in rows.items():
        dashboard.with_row(build.Row(heading))
        for panel in panels:
            dashboard.with_panel(panel)
    whole = dashboard.build()
    for number, placed in enumerate(whole.panels or (), start=1):
        placed.id_val = number
    return whole


def _others() -> build.DashboardLink:
    return (
        build.DashboardLink("Framelog")
        .type(model.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .icon("dashboard")
        .keep_time(True)
    )


def _instances(job: str) -> build.QueryVariable:
    variable = (
        build.QueryVariable("instance")
        .label("Replica")
        .description("The replicas to look at.")
        .datasource(SOURCE)
        .query(f'label_values(up{{job="{job}"}}, instance)')
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(model.VariableOption(selected=True, text="All", value="$__all"))
    )
    # The model's defaults for variables of another kind, which the schema of this kind has not.
    chosen = variable.build()
    chosen.auto = chosen.auto_min = chosen.auto_count = None
    return variable
