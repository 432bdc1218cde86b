"""`wangge repair`: a file of units that are no coverage in, the file that would be one out."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from api.cli.opening import read_mapping
from api.cli.screen import out, show_faults, show_line, status
from api.editing.repairs import propose
from api.settings import Settings
from gis.formats import read, write
from grids.checks.repair import CLOSE_M
from grids.profiles import read_profile
from grids.units import SNAP_M

REFUSED = 3


def repair(
    file: Annotated[Path, typer.Argument(help="The file of units: GeoPackage, GeoJSON, shapefile …")],
    result: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write, to be imported when it is right")],
    mapping: Annotated[list[str] | None, typer.Option("--map", help="field=column, repeatable")] = None,
    profile: Annotated[str, typer.Option(help="Code profile: gbt, gbt16, fips, free, or state=2,unit=12")] = "gbt",
    in_layer: Annotated[str | None, typer.Option("--layer", help="Layer in the file")] = None,
    crs: Annotated[str | None, typer.Option(help="CRS of the file: EPSG:4547, GCJ-02, BD-09 …")] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of the text: utf-8, gbk …")] = None,
    snap: Annotated[float, typer.Option(help="Metres within which nodes and edges are one")] = SNAP_M,
    close: Annotated[float, typer.Option(help="Mean width in metres of gaps that are closed")] = CLOSE_M,
    report: Annotated[Path | None, typer.Option(help="Where to write all that was found and moves, as JSON")] = None,
) -> None:
    """Propose polygons for units that overlap or leave gaps; the store is not asked. 修复方案（只输出文件）。"""
    language = Settings().language
    with status(f"{file} → {result}"):
        table = read(file, layer=in_layer, crs=crs, encoding=encoding)
        made = propose(table, read_profile(profile), read_mapping(mapping or ()), crs, snap, close)
        faults = write(result, made.units)
        if made.gaps is not None:
            faults += write(result.with_stem(f"{result.stem}-gaps"), made.gaps)
    told = made.as_dict()
    shown = Table("check", "found")
    for check, count in told["found"]["counts"].items():
        shown.add_row(check, str(count))
    out.print(shown)
    show_faults((*made.faults, *faults, *(each.fault for each in made.repair.unrepaired)), language)
    farthest = max(made.repair.shifts, key=lambda each: each.metres, default=None)
    if farthest is not None:
        show_line(farthest.zh if language == "zh" else farthest.en)
    show_line(
        f"{told['moved']} of {told['rows']} units move, by up to {told['farthest_m']:.2f} m; "
        f"+{told['gained_m2']:,.0f} m², -{told['lost_m2']:,.0f} m²; {told['gaps_to_name']} gaps to name"
    )
    if report is not None:
        report.write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")
    if not told["importable"]:
        raise typer.Exit(REFUSED)
