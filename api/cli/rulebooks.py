"""`wangge rules`: what a rule book may say, and rules learnt from what happened."""

from pathlib import Path
from typing import Annotated

import orjson
import typer
import yaml

from api.bulk.files import spell_out
from api.bulk.learning import Lesson, learn
from api.cli.bulk import InCrs, Map, named_crs
from api.cli.opening import open_worlds, read_mapping
from api.cli.screen import show_faults, show_line
from api.settings import Settings
from api.systems import LiveSystems
from cases.reports import Defaults, parse_zone
from cases.rules import written
from cases.rules.learning import Wanted
from cases.rules.schema import rule_book_schema
from components.editions import CURRENT, normalise_edition
from gis.formats import read

app = typer.Typer(no_args_is_help=True, help="Rule books: their schema, and learning them from outcomes. 指挥手册。")


@app.command("schema")
def schema() -> None:
    """The JSON schema of rule books, for editors that check while one writes. 指挥手册的 JSON Schema。"""
    print(orjson.dumps(rule_book_schema(), option=orjson.OPT_INDENT_2).decode())


@app.command("learn")
def learn_rules(
    cases: Annotated[Path, typer.Argument(help="Cases that say who dealt with them: CSV, GeoJSON, GeoPackage …")],
    out: Annotated[Path, typer.Argument(help="The rule book to write, as YAML")],
    department: Annotated[str, typer.Option(help="The column that says which department or crew dealt with a case")],
    area_layer: Annotated[str, typer.Option(help="The layer of areas by which they differ")],
    owner: Annotated[str, typer.Option(help="Division code that shall own the rules")] = "",
    least: Annotated[int, typer.Option(help="How many cases a rule must rest on", min=1)] = 3,
    share: Annotated[float, typer.Option(help="Which share of a rule's cases must agree", min=0, max=1)] = 0.6,
    half: Annotated[bool, typer.Option("--half", help="Learn from every second case and try on the others")] = False,
    mapping: Map = None,
    crs: InCrs = None,
    edition: Annotated[str, typer.Option(help="Edition of cases that state none")] = CURRENT,
    kind: Annotated[str | None, typer.Option(help="component or matter, for cases that do not say")] = None,
) -> None:
    """Propose rules, class by area, from who dealt with past cases. Nothing is changed. 从历史案件学习规则。"""
    settings = Settings()
    frame = named_crs(crs, settings, None)
    table = spell_out(read(cases, crs=frame), frame)
    lesson = Lesson(department, area_layer, owner, half, Wanted(least, share))
    with open_worlds(settings, None) as worlds:
        systems = LiveSystems(worlds.store)
        defaults = Defaults(
            source=cases.stem,
            edition=normalise_edition(edition),
            kind=kind,
            zone=parse_zone(settings.zone),
            read_crs=systems.parse,
        )
        made = learn(worlds.newest(), table, read_mapping(mapping or ()), defaults, frame, lesson)
    document = {**({"owner": owner} if owner else {}), "rules": [_plain(written(each)) for each in made.rules]}
    out.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    show_faults(made.faults, settings.language)
    zh = settings.language == "zh"
    show_line(
        f"{made.cases} 件 -> {len(made.rules)} 条规则" if zh else f"{made.cases} cases -> {len(made.rules)} rules"
    )
    if made.tried:
        share_ = f"{100 * made.agreed / made.tried:.2f} %"
        show_line(
            f"另 {made.tried} 件：{made.decided} 件有规则，{made.agreed} 件一致（{share_}）。"
            if zh
            else f"{made.tried} other cases: {made.decided} decided, {made.agreed} agree ({share_})."
        )


def _plain(rule: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in rule.items() if name != "owner"}
