"""`wangge locate` and `wangge route`: a file in, the same file with answers out."""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from api.bulk import Routed, locate_table, moments, read_cases, read_points, route_table, spell_out
from api.cli.opening import open_settled, read_mapping
from api.cli.screen import progress, show_counts, show_faults, show_line
from api.moments import read_moment
from api.settings import Settings
from api.worlds import Worlds
from cases.reports import KINDS, WORST_ACCURACY_M, Defaults, parse_zone
from cases.routing import Routing
from components.editions import CURRENT, normalise_edition
from gis.errors import refuse
from gis.formats import read, write

Points = Annotated[Path, typer.Argument(help="The file of points: CSV, GeoJSON, GeoPackage, shapefile, Parquet")]
Out = Annotated[Path, typer.Argument(help="The file to write; its ending says the format")]
Map = Annotated[list[str] | None, typer.Option("--map", help="field=column, repeatable")]
AsOf = Annotated[str | None, typer.Option(help="A revision, a time, or a column that holds one for each row")]
InCrs = Annotated[str | None, typer.Option("--crs", help="CRS of the coordinates: EPSG:4547, GCJ-02, BD-09 …")]
Encoding = Annotated[str | None, typer.Option(help="Encoding of the text, when the file does not tell")]
InLayer = Annotated[str | None, typer.Option("--layer", help="Layer in the file")]


def locate(
    points: Points,
    out: Out,
    mapping: Map = None,
    crs: InCrs = None,
    as_of: AsOf = None,
    encoding: Encoding = None,
    layer: InLayer = None,
) -> None:
    """Add to every point its unit, divisions, areas and distance to the boundary. 批量定位。"""
    settings = Settings()
    named = read_mapping(mapping or ())
    for name in sorted(named.keys() - {"lon", "lat"}):
        raise refuse(
            "field_unknown",
            f"There is no field '{name}' to map a column to; a point has lon and lat.",
            f"没有名为“{name}”的字段；点只有 lon 和 lat。",
        )
    columns = {"x_column": named.get("lon"), "y_column": named.get("lat")} if named else {}
    table = read(points, layer=layer, crs=crs, encoding=encoding, **columns)
    lonlat, faults = read_points(table, crs)
    asked = moments(table, as_of, partial(read_moment, zone=settings.zone))
    with open_settled(settings) as store, progress() as bar:
        task = bar.add_task("locate", total=len(table))
        answered = locate_table(Worlds(store), table, lonlat, asked, partial(bar.advance, task))
    written = write(out, answered)
    show_faults([*table.faults, *faults, *(written or ())], settings.language)
    show_line(f"{len(table)} -> {out}")


def route(
    cases: Annotated[Path, typer.Argument(help="The file of cases: CSV, GeoJSON, GeoPackage, shapefile, Parquet")],
    out: Out,
    mapping: Map = None,
    crs: InCrs = None,
    accuracy: Annotated[float | None, typer.Option(help="Position error in metres of cases that state none")] = None,
    edition: Annotated[str, typer.Option(help="Edition of cases that state none")] = CURRENT,
    kind: Annotated[str | None, typer.Option(help="component or matter, for cases that do not say")] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone of times without one")] = None,
    as_of: AsOf = None,
    encoding: Encoding = None,
    layer: InLayer = None,
) -> None:
    """Add to every case the department that must deal with it, and why. Nothing is kept. 批量派遣（不入库）。"""
    settings = Settings()
    table = spell_out(read(cases, layer=layer, crs=crs, encoding=encoding), crs)
    if accuracy is not None and not 0 < accuracy <= WORST_ACCURACY_M:
        raise refuse(
            "accuracy_invalid",
            f"--accuracy must be more than 0 and at most {WORST_ACCURACY_M:g} metres, not {accuracy:g}.",
            f"--accuracy 必须大于 0 且不超过 {WORST_ACCURACY_M:g} 米，现为 {accuracy:g}。",
        )
    if kind is not None and kind not in KINDS:
        raise refuse(
            "kind_invalid",
            f"--kind is component or matter, not {kind}.",
            f"--kind 只能是 component（部件）或 matter（事项），不能是“{kind}”。",
        )
    stated = {"edition", *(["accuracy_m"] if accuracy else []), *(["crs"] if crs else []), *(["zone"] if zone else [])}
    defaults = Defaults(
        source=cases.stem,
        crs=crs,
        accuracy_m=accuracy,
        zone=parse_zone(zone or settings.zone),
        edition=normalise_edition(edition),
        kind=kind,
        stated=frozenset(stated),
    )
    read_in, faults = read_cases(table, read_mapping(mapping or ()), defaults, crs)
    asked = moments(table, as_of, partial(read_moment, zone=settings.zone))
    with open_settled(settings) as store, progress() as bar:
        task = bar.add_task("派遣 route" if settings.language == "zh" else "route", total=len(table))
        answered, routings = route_table(
            Worlds(store), table, read_in, asked, partial(bar.advance, task), settings.language
        )
    written = write(out, answered)
    summarise(Routed(answered, tuple(routings), (*table.faults, *faults, *(written or ()))), settings.language)
    show_line(f"{len(table)} -> {out}")


def summarise(routed: Routed, language: str) -> None:
    """By department, by advice, by flag; what could not be routed, and why; the rows that are no cases."""
    zh = language == "zh"
    done = [routing for routing in routed.routings if routing is not None]
    total = len(done)
    names = Counter(each.department.name for each in done if each.department is not None)
    show_counts("按部门" if zh else "By department", "部门" if zh else "department", names.items(), total)
    advice = Counter(each.advice for each in done)
    show_counts("按处置建议" if zh else "By advice", "advice", advice.items(), total)
    flags = Counter(flag for each in done for flag in each.flags)
    show_counts("按标记" if zh else "By flag", "flag", flags.items(), total)
    lost = Counter(_why_unrouted(each, zh) for each in done if each.department is None)
    if lost:
        show_counts("未能派遣的原因" if zh else "Unrouted, and why", "because", lost.items(), total)
    bad = len(routed.routings) - total
    show_line(
        f"{total} 件已处理，{sum(lost.values())} 件未派遣，{bad} 行无效。"
        if zh
        else f"{total} cases, {sum(lost.values())} unrouted, {bad} bad rows."
    )
    show_faults(routed.faults, language)


def _why_unrouted(routing: Routing, zh: bool) -> str:
    """The sentence that says why nobody was found; outside the grid that is the reason, whatever the rules say."""
    codes = ("outside", "named_gap", "no_rule", "no_department")
    found = min((each for each in routing.because if each.code in codes), key=lambda each: codes.index(each.code))
    if found.code == "named_gap":
        return "该点位于命名空洞内。" if zh else "The point lies in a named gap."
    return found.zh if zh else found.en
