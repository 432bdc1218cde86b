"""`wangge crs`: local coordinate systems, whose parameters are secret."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import orjson
import typer
from rich.table import Table

from api.cli.opening import open_settled, read_text
from api.cli.screen import out, show_line
from api.settings import Settings
from api.systems import add_system, find_system, list_systems, remove_system
from gis import crs as reference
from gis.control_points import ControlPoints, check_fit, read_points
from gis.crs import Crs
from gis.errors import refuse
from gis.store.engine import reading, writing
from gis.systems import check_name, make_local

app = typer.Typer(no_args_is_help=True, help="Local coordinate systems. 地方坐标系（参数保密）。")


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What it is called wherever a CRS is named")],
    wkt: Annotated[Path | None, typer.Option(help="File of WKT text")] = None,
    proj: Annotated[Path | None, typer.Option(help="File of PROJ text")] = None,
    points: Annotated[Path | None, typer.Option(help="File of control points, one a row")] = None,
    plane: Annotated[str | None, typer.Option(help="National plane system of the control points: EPSG:4547 …")] = None,
    accept_residuals: Annotated[
        bool, typer.Option("--accept-residuals", help="Take it although the points do not fit, or are too few to tell")
    ] = False,
) -> None:
    """Keep a local system: by its definition, or fitted to control points. 登记地方坐标系。"""
    check_name(name)
    if sum(each is not None for each in (wkt, proj, points)) != 1 or (points is None) != (plane is None):
        raise refuse(
            "crs_source_wrong",
            "Give one of --wkt FILE, --proj FILE, or --points FILE with --plane CRS.",
            "请给出 --wkt 文件、--proj 文件，或 --points 文件并以 --plane 指明国家平面坐标系，三者取一。",
        )
    if points is not None and plane is not None:
        made, told = _fitted(name, read_points(points), plane, accept_residuals)
    else:
        made, told = make_local(name, read_text(wkt or proj or Path())), {"by": "wkt" if wkt else "proj"}
    with open_settled(Settings()) as store, writing(store.world) as connection:
        add_system(connection, made, told)
    show_line(f"{name}: added")


def _fitted(name: str, points: ControlPoints, plane: str, accepted: bool) -> tuple[Crs, dict[str, Any]]:
    turn, residuals = points.fit()
    made = make_local(name, reference.parse(plane).name, turn)
    table = Table("point", "x", "y", "residual (m)")
    metres = np.hypot(*residuals.T)
    for label, (x, y), size in zip(points.names, residuals.tolist(), metres.tolist(), strict=True):
        table.add_row(label, f"{x:+.4f}", f"{y:+.4f}", f"{size:.4f}")
    out.print(table)
    worst, rms = float(metres.max()), float(np.sqrt((metres**2).mean()))
    show_line(f"{len(metres)} points, root mean square {rms:.4f} m, worst {worst:.4f} m")
    if not accepted:
        check_fit(points, residuals)
    told = {"by": "points", "points": len(metres), "rms_m": round(rms, 4), "worst_m": round(worst, 4)}
    return made, told


@app.command("list")
def show_all() -> None:
    """The local systems, without their parameters. 列出地方坐标系。"""
    table = Table("name", "by", "points", "worst (m)", "created")
    with open_settled(Settings()) as store, reading(store.world) as connection:
        for each in list_systems(connection):
            told = [str(each.told.get(name, "")) for name in ("by", "points", "worst_m")]
            table.add_row(each.name, *told, each.created_at.isoformat(timespec="seconds"))
    out.print(table)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="The name that `crs list` shows")],
    secret: Annotated[bool, typer.Option("--secret", help="With its parameters, for an admin's eyes")] = False,
) -> None:
    """One local system as JSON. 查看地方坐标系。"""
    with open_settled(Settings()) as store, reading(store.world) as connection:
        entry, parameters = find_system(connection, name)
    told = {"name": entry.name, **entry.told, "created_at": entry.created_at}
    print(orjson.dumps({**told, **(parameters if secret else {})}, option=orjson.OPT_INDENT_2).decode())


@app.command("remove")
def remove(name: Annotated[str, typer.Argument(help="The name that `crs list` shows")]) -> None:
    """Forget a local system; what was imported in it stays. 删除地方坐标系。"""
    with open_settled(Settings()) as store, writing(store.world) as connection:
        remove_system(connection, name)
    show_line(f"{name}: removed")
