"""The kinds of panel that the dashboards are made of, in one look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import statetimeline as timeline
from grafana_foundation_sdk.models import common as shape
from grafana_foundation_sdk.models import dashboard as model

from framelog_dashboards.queries import Query

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE: Final = shape.DataSourceRef(type_val="prometheus", uid="framelog-prometheus")
FRAMES_PER_SECOND: Final = "suffix: fps"
GOOD, MIDDLING, BAD, PLAIN = "green", "orange", "red", "text"

STAT_HEIGHT = 4
GRAPH_HEIGHT = 8


@dataclass(frozen=True)
class Limits:
    """From which value on a number is middling, and from which on it is bad."""

    middling: float | None = None
    bad: float | None = None

    @property
    def config(self) -> build.ThresholdsConfig:
        """The colours, from the lowest value up."""
        steps = [model.Threshold(value=None, color=GOOD)]
        for value, color in ((self.middling, MIDDLING), (self.bad, BAD)):
            if value is not None:
                steps.append(model.Threshold(value=value, color=color))
        return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


NO_LIMITS = (
    build.ThresholdsConfig()
    .mode(model.ThresholdsMode.ABSOLUTE)
    .steps([model.Threshold(value=None, color=PLAIN)])
)


def number(
    title: str, description: str, expr: str, *, unit: str, limits: Limits | None = None
) -> stat.Panel:
    """Return one number as it is now, with its course behind it."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .height(STAT_HEIGHT)
        .span(4)
        .with_target(_target(0, Query(expr, title)))
        .unit(unit)
        .min(0)
        .no_value("none")
        .thresholds(limits.config if limits else NO_LIMITS)
        .color_mode(shape.BigValueColorMode.VALUE)
        .graph_mode(shape.BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )


def graph(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    span: int = 12,
    stacked: bool = False,
    limits: Limits | None = None,
) -> timeseries.Panel:
    """Return lines over time; limits are drawn as dashed lines."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .height(GRAPH_HEIGHT)
        .span(span)
        .targets([_target(number, query) for number, query in enumerate(queries)])
        .unit(unit)
        .min(0)
        .line_width(1)
        .fill_opacity(30 if stacked else 8)
        .show_points(shape.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(shape.LegendDisplayMode.TABLE)
            .placement(shape.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(shape.TooltipDisplayMode.MULTI)
            .sort(shape.SortOrder.DESCENDING)
        )
    )
    if stacked:
        panel.stacking(common.StackingConfig().mode(shape.StackingMode.NORMAL))
    if limits:
        dashed = common.GraphThresholdsStyleConfig().mode(shape.GraphThresholdsStyleMode.DASHED)
        panel.thresholds(limits.config).thresholds_style(dashed)
    return panel


def bars(
    title: str, description: str, query: Query, *, unit: str, span: int = 12
) -> bargauge.Panel:
    """Return a bar for each series as it is now, full at 1."""
    return (
        bargauge.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .height(GRAPH_HEIGHT)
        .span(span)
        .with_target(_target(0, query))
        .unit(unit)
        .min(0)
        .max(1)
        .no_value("none")
        .color_scheme(build.FieldColor().mode(model.FieldColorModeId.CONTINUOUS_BLUES))
        .orientation(shape.VizOrientation.HORIZONTAL)
        .display_mode(shape.BarGaugeDisplayMode.BASIC)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )


def states(
    title: str,
    description: str,
    query: Query,
    *,
    words: Mapping[str, tuple[str, str]],
    span: int = 12,
) -> timeline.Panel:
    """Return a band for each series; words: value to what it is called, and its colour."""
    named = {
        value: model.ValueMappingResult(text=text, color=color, index=index)
        for index, (value, (text, color)) in enumerate(words.items())
    }
    return (
        timeline.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .height(GRAPH_HEIGHT)
        .span(span)
        .with_target(_target(0, query))
        .mappings([model.ValueMap(options=named)])
        .no_value("none")
        .show_value(shape.VisibilityMode.NEVER)
        .merge_values(True)
        .fill_opacity(80)
    )


def _target(number: int, query: Query) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .ref_id(chr(ord("A") + number))
        .datasource(SOURCE)
        .expr(query.expr)
        .legend_format(query.legend)
        .range()
    )
