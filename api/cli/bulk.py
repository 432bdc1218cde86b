"""`wangge locate` and `wangge route`: a file in, the same file with answers out."""

from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from api.bulk.as_of import AsOf
from api.bulk.conveyor import convey
from api.bulk.dispatcher import CaseColumns, dispatcher
from api.bulk.files import (
    CODES,
    Routed,
    check_mapping,
    locate_table,
    moments,
    read_cases_as_of,
    read_points,
    route_table,
    spell_out,
)
from api.bulk.locator import Locator
from api.bulk.tallies import Tally, why_unrouted
from api.cli.opening import open_settled, open_worlds, read_mapping
from api.cli.screen import progress, show_counts, show_faults, show_line
from api.lookups.moments import read_moment
from api.search.places import column_of_places
from api.settings import Settings
from api.systems import LiveSystems, read_systems
from cases.reports import KINDS, WORST_ACCURACY_M, Defaults, parse_zone
from components.editions import CURRENT, normalise_edition
from gis import crs as reference
from gis.crs import CrsLike
from gis.errors import Refusal, refuse
from gis.formats import read, write
from gis.formats.json_pieces import LINES
from gis.formats.sinks import written
from gis.formats.sources import is_streamed, open_source
from gis.store.engine import reading

ENUMERATED = ("source", "crs", "edition", "kind", "class_code", "condition")
"""Columns of few distinct texts: Parquet holds them as dictionaries, and they are read as such."""

Points = Annotated[Path, typer.Argument(help="The file of points: CSV, GeoJSON, GeoPackage, shapefile, Parquet")]
Out = Annotated[Path, typer.Argument(help="The file to write; its ending says the format")]
Map = Annotated[list[str] | None, typer.Option("--map", help="field=column, repeatable")]
When = Annotated[str | None, typer.Option(help="A revision, a time, or a column that holds one for each row")]
InCrs = Annotated[str | None, typer.Option("--crs", help="CRS of the coordinates: EPSG:4547, GCJ-02, BD-09 …")]
Encoding = Annotated[str | None, typer.Option(help="Encoding of the text, when the file does not tell")]
InLayer = Annotated[str | None, typer.Option("--layer", help="Layer in the file")]
Index = Annotated[Path | None, typer.Option(help="Folder of world files to answer from, without the store")]


class Because(StrEnum):
    """How the reasons are told."""

    text = "text"
    codes = "codes"


def locate(
    points: Points,
    out: Out,
    mapping: Map = None,
    crs: InCrs = None,
    as_of: When = None,
    encoding: Encoding = None,
    layer: InLayer = None,
    index: Index = None,
    names: Annotated[bool, typer.Option("--names", help="Also the place in words, by the layers of names")] = False,
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
    frame = named_crs(crs, settings, index)
    if layer is None and is_streamed(points, out):
        source = open_source(points, encoding, named.get("lon"), named.get("lat"), ENUMERATED)
        with open_worlds(settings, index) as worlds, progress() as bar:
            task = bar.add_task("locate", total=source.count)
            asked_ = AsOf.of(worlds, as_of, partial(read_moment, zone=settings.zone), source.names)
            words = column_of_places(worlds.store, settings.language) if names else None
            locator = Locator(asked_, source, frame, words)
            with written(out, source, locator.crs) as sink:
                tally = convey(source.pieces(), sink, locator.answer, partial(bar.advance, task))
        show_tallied_faults(tally, settings.language)
        show_line(f"{tally.rows} -> {out}")
        return
    table = read(points, layer=layer, crs=frame, encoding=encoding, **columns)
    asked = moments(table, as_of, partial(read_moment, zone=settings.zone))
    with open_worlds(settings, index) as worlds, progress() as bar:
        systems = LiveSystems(worlds.store)
        table = replace(table, crs=systems.find(table.crs))
        lonlat, faults = read_points(table, frame, systems)
        task = bar.add_task("locate", total=len(table))
        words = column_of_places(worlds.store, settings.language) if names else None
        answered = locate_table(worlds, table, lonlat, asked, partial(bar.advance, task), words)
    unfit = write(out, answered)
    show_faults([*table.faults, *faults, *(unfit or ())], settings.language)
    show_line(f"{len(table)} -> {out}")


def route(
    cases: Annotated[Path, typer.Argument(help="The file of cases: CSV, GeoJSON, GeoPackage, shapefile, Parquet")],
    out: Out,
    mapping: Map = None,
    crs: InCrs = None,
    accuracy: Annotated[float | None, typer.Option(help="Position error in metres of cases that state none")] = None,
    edition: Annotated[str | None, typer.Option(help="Edition of cases that state none; default 2026")] = None,
    kind: Annotated[str | None, typer.Option(help="component or matter, for cases that do not say")] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone of times without one")] = None,
    as_of: When = None,
    encoding: Encoding = None,
    layer: InLayer = None,
    index: Index = None,
    because: Annotated[Because, typer.Option(help="Reasons as sentences, or as codes joined by ;, which is fast")] = (
        Because.text
    ),
) -> None:
    """Add to every case the department that must deal with it, and why. Nothing is kept. 批量派遣（不入库）。"""
    settings = Settings()
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
        edition=normalise_edition(edition or CURRENT),
        kind=kind,
        stated=frozenset(stated),
        usual=frozenset() if edition else frozenset({"edition"}),
    )
    named = read_mapping(mapping or ())
    frame = named_crs(crs, settings, index)
    if layer is None and is_streamed(cases, out):
        source = open_source(cases, encoding, enumerated=ENUMERATED)
        missing = set(named.values()) - set(source.names)
        check_mapping(named, source.schema.names if missing and cases.suffix.lower() in LINES else list(source.names))
        with open_worlds(settings, index) as worlds, progress() as bar:
            task = bar.add_task("派遣 route" if settings.language == "zh" else "route", total=source.count)
            asked_ = AsOf.of(worlds, as_of, partial(read_moment, zone=settings.zone), source.names)
            systems = LiveSystems(worlds.store)
            columns = CaseColumns.of(source, named, replace(defaults, read_crs=systems.parse))
            answer = dispatcher(asked_, columns, because_language(because, settings)).answer
            declared = systems.find(source.shape.crs) if source.shape is not None else None
            with written(out, source, frame or declared) as sink:
                tally = convey(source.pieces(), sink, answer, partial(bar.advance, task))
        show_tally(tally, settings.language)
        show_line(f"{tally.rows} -> {out}")
        return
    table = spell_out(read(cases, layer=layer, crs=frame, encoding=encoding), frame)
    asked = moments(table, as_of, partial(read_moment, zone=settings.zone))
    with open_worlds(settings, index) as worlds, progress() as bar:
        systems = LiveSystems(worlds.store)
        table = replace(table, crs=systems.find(table.crs))
        known = replace(defaults, read_crs=systems.parse)
        read_in, faults = read_cases_as_of(worlds, table, named, known, frame, asked)
        task = bar.add_task("派遣 route" if settings.language == "zh" else "route", total=len(table))
        answered, routings = route_table(
            worlds, table, read_in, asked, partial(bar.advance, task), because_language(because, settings)
        )
    unfit = write(out, answered)
    summarise(Routed(answered, tuple(routings), (*table.faults, *faults, *(unfit or ()))), settings.language)
    show_line(f"{len(table)} -> {out}")


def named_crs(crs: str | None, settings: Settings, index: Path | None) -> CrsLike | None:
    """The local system of this name, where the store has one; anything else as it is."""
    if crs is None or index is not None:
        return crs
    try:
        reference.parse(crs)
        return crs
    except Refusal:
        with open_settled(settings) as store, reading(store.world) as connection:
            return read_systems(connection).find(crs)


def because_language(because: Because, settings: Settings) -> str:
    """How `route_table` is to tell the reasons: in a language, or as codes."""
    return CODES if because is Because.codes else settings.language


def summarise(routed: Routed, language: str) -> None:
    """By department, by advice, by flag; what could not be routed, and why; the rows that are no cases."""
    tally = Tally()
    tally.count(routed.routings)
    tally.add_faults(routed.faults)
    show_tally(tally, language)


def show_tally(tally: Tally, language: str) -> None:
    """The summary of a routing that was counted batch by batch."""
    zh, total = language == "zh", tally.total
    show_counts("按部门" if zh else "By department", "部门" if zh else "department", tally.names.items(), total)
    show_counts("按处置建议" if zh else "By advice", "advice", tally.advice.items(), total)
    show_counts("按标记" if zh else "By flag", "flag", tally.flags.items(), total)
    if tally.lost:
        lost = [(why_unrouted(code, language), count) for code, count in tally.lost.items()]
        show_counts("未能派遣的原因" if zh else "Unrouted, and why", "because", lost, total)
    bad, unrouted = tally.rows - total, sum(tally.lost.values())
    show_line(
        f"{total} 件已处理，{unrouted} 件未派遣，{bad} 行无效。"
        if zh
        else f"{total} cases, {unrouted} unrouted, {bad} bad rows."
    )
    show_tallied_faults(tally, language)


def show_tallied_faults(tally: Tally, language: str) -> None:
    """The faults that were kept, and how many more there are."""
    show_faults(tally.faults, language)
    if tally.further:
        show_line("… " + ", ".join(f"{count} x {code}" for code, count in tally.further.most_common()))
