"""The reference names everything that the program has, and nothing that it has not."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from fastapi import FastAPI

from api.app import create_app
from api.cli.program import EXIT_CODES, app
from api.http.problems import STATUS, STATUS_OF_CODE
from api.settings import Settings
from cases.reasons import SENTENCES
from cases.reports import FIELDS
from cases.routing import REVIEWED
from cases.rules import parse
from cases.rules.reading import _BASIS, _RULE
from components.layers import CATALOGUE, COMPONENTS
from gis.formats import READABLE
from gis.formats.sources import READ as STREAMED
from gis.layer import Layer
from grids.layers import DEPARTMENTS, DIVISIONS, GAPS, UNITS, area_layer
from tests.conftest import ROOT

REFERENCE = ROOT / "docs" / "reference"
PACKAGES = ("gis", "grids", "components", "cases", "tiles", "api")
MAKERS = {"Fault", "refuse", "fault", "_fault"}
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
METHODS = {"get", "post", "put", "patch", "delete"}
TEST_SETTINGS = {"WANGGE_TEST_POSTGIS"}
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next of its rank or above."""
    rank = len(heading) - len(heading.lstrip("#"))
    after = re.split(rf"^{re.escape(heading)}\n", text, flags=re.MULTILINE)
    assert len(after) == 2, f"one heading '{heading}' is wanted"
    return re.split(rf"^#{{1,{rank}}} ", after[1], flags=re.MULTILINE)[0]


def first_column(text: str) -> list[str]:
    """What stands in backquotes in the first cell of each row of its tables."""
    cells = re.findall(r"^\| ([^|]+?) \|", text, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def compare(documented: set[str], there: set[str]) -> None:
    missing, stale = sorted(there - documented), sorted(documented - there)
    assert (missing, stale) == ([], []), f"the page lacks {missing} and names {stale}, which there are not"


def codes_of_source() -> Iterator[str]:
    """The codes of every fault that the source makes."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
                if _called(call) in MAKERS:
                    yield from _codes_of(call, tree)


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _codes_of(call: ast.Call, tree: ast.AST) -> Iterator[str]:
    """The first argument that has the form of a code; a name of our own stands for the texts it is set to."""
    for argument in call.args[:2]:
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and CODE.fullmatch(argument.value):
            yield argument.value
            return
    if call.args and isinstance(call.args[0], ast.Name):
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == call.args[0].id:
                yield from (each.value for each in ast.walk(node.value) if _is_code(each))


def _is_code(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and "_" in node.value


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    folder = tmp_path_factory.mktemp("reference")
    return create_app(Settings(store=f"sqlite:///{folder / 'wangge.db'}", data=folder))


def commands() -> dict[str, Any]:
    """Every command that does something, by its whole name."""
    found: dict[str, Any] = {}
    waiting = [("wangge", typer.main.get_command(app))]
    while waiting:
        name, command = waiting.pop()
        below = getattr(command, "commands", None)
        if below is None:
            found[name] = command
        else:
            waiting += [(f"{name} {word}", each) for word, each in below.items()]
    return found


def options(command: Any) -> set[str]:
    given = [each for each in command.params if each.param_type_name == "option"]
    return {name for each in given for name in [*each.opts, *each.secondary_opts]}


def test_every_setting_stands_in_its_table_with_its_default() -> None:
    text = page("settings")
    compare(set(first_column(text)), {f"WANGGE_{name.upper()}" for name in Settings.model_fields})
    for name, field in Settings.model_fields.items():
        row = re.search(rf"^\| `WANGGE_{name.upper()}` \| (.*?) \|", text, re.MULTILINE)
        assert row is not None
        plain = str(field.default).removesuffix(".0").replace("'", '"')
        assert row[1].strip("`") == (plain or "empty"), f"WANGGE_{name.upper()} has the default {plain}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_names_a_setting_that_does_not_exist(path: Path) -> None:
    named = set(re.findall(r"\bWANGGE_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8")))
    assert named <= {f"WANGGE_{name.upper()}" for name in Settings.model_fields} | TEST_SETTINGS


def test_every_error_code_says_what_it_means_in_both_languages() -> None:
    text = page("errors")
    listed = first_column(text)
    compare(set(listed), set(codes_of_source()))
    assert len(listed) == len(set(listed)), "a code stands twice"
    for row in re.findall(r"^\| `\w+` \| .*$", text, re.MULTILINE):
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert len(cells) == 4, row
        assert re.fullmatch(r"[ewn](, [ewn])*", cells[1]), row
        assert re.search(r"[\u4e00-\u9fff]", cells[3]), f"no Chinese: {row}"


def test_every_command_has_a_section_with_just_its_options() -> None:
    text = page("commands")
    found = commands()
    compare(set(re.findall(r"^## (wangge .+)$", text, re.MULTILINE)), set(found))
    for name, command in found.items():
        rows = re.findall(r"^\| (`--[^|]+?) \|", section(text, f"## {name}"), re.MULTILINE)
        compare({opt for row in rows for opt in re.findall(r"--[a-z][a-z-]*", row)}, options(command) - {"--help"})


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_names_a_command_or_an_option_that_does_not_exist(path: Path) -> None:
    found = commands()
    words = {name.split()[1] for name in found}
    text = path.read_text(encoding="utf-8")
    for line in re.findall(r"(?:^\$ |`|^)(wangge [a-z][^`\n]*)", text, re.MULTILINE):
        name = next((each for each in found if f"{line} ".startswith(f"{each} ")), None)
        if name is None:
            assert line.split()[1] in words, f"there is no command '{line}'"
            continue
        named = set(re.findall(r"(?<=\s)--[a-z][a-z-]*", line.split("#")[0]))
        assert named <= options(found[name]), f"'{line}' has an option that does not exist"


def test_the_exit_codes_are_those_of_the_program() -> None:
    table = section(page("commands"), "## Exit codes")
    told = {}
    for code, kinds, statuses in re.findall(r"^\| (\d) \| ([a-z, ]+) \| ([\d, ]+) \|", table, re.MULTILINE):
        for kind, status in zip(kinds.split(", "), statuses.split(", "), strict=True):
            told[kind] = (int(code), int(status))
    assert told == {kind: (code, STATUS[kind]) for kind, code in EXIT_CODES.items()}


def test_every_route_stands_in_the_page(served: FastAPI) -> None:
    paths = served.openapi()["paths"]
    there = {f"{verb.upper()} {path}" for path, verbs in paths.items() for verb in verbs if verb in METHODS}
    told = set(re.findall(r"^\| ([A-Z]+ \| `[^`]+`) \|", page("http"), re.MULTILINE))
    documented = {re.sub(r" \| `(.*)`", r" \1", each) for each in told}
    other = {each for each in documented if each.split()[1].startswith(("/ogc", "/map", "/docs", "/openapi"))}
    compare(documented - other, there)
    compare({each.split()[1] for each in other}, set(undescribed(served)))


def undescribed(served: FastAPI) -> Iterator[str]:
    """The routes that no OpenAPI document of ours tells: pages, and those below /ogc."""
    kept = ("/ogc", "/docs", "/openapi")
    yield "/map/"
    for path in sorted(every_path(served.routes)):
        if path.startswith(kept) and path != "/ogc/":
            yield re.sub(r":path\}", "}", path)


def every_path(routes: Any) -> Iterator[str]:
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from every_path(included.routes)
        elif getattr(route, "path", None):
            yield route.path


def test_every_status_of_a_problem_stands_in_the_page() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d{3}) \|", section(page("http"), "## Errors"), re.MULTILINE)}
    assert told == {*STATUS.values(), *STATUS_OF_CODE.values()}


def test_flags_and_advice_are_those_of_the_glossary_and_of_the_program() -> None:
    flags = set(first_column(section(page("flags"), "## Flags 标记")))
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    compare(flags, set(first_column(section(glossary, "## Flags 标记"))))
    assert flags >= REVIEWED
    advice = section(page("flags"), "## Advice 处置建议")
    assert set(first_column(advice)) == {"dispatch", "review", "fallback"}
    review = re.search(r"^\| `review` .*$", advice, re.MULTILINE)
    assert review is not None
    assert set(re.findall(r"`([a-z_ ]+)`", review[0])[1].split()) == REVIEWED


def test_every_reason_stands_in_the_page() -> None:
    rows = re.findall(r"^\| [^|]+ \| (`.*`) \|$", section(page("flags"), "## Reasons 理由"), re.MULTILINE)
    compare({code for row in rows for code in re.findall(r"`(\w+)`", row)}, set(SENTENCES))


@pytest.mark.parametrize(
    "layer",
    [DIVISIONS, UNITS, GAPS, area_layer("areas", "areas"), DEPARTMENTS, COMPONENTS, CATALOGUE],
    ids=lambda layer: layer.table,
)
def test_every_column_of_an_import_stands_in_the_page_with_its_aliases(layer: Layer) -> None:
    text = section(page("files"), f"### {'areas' if layer.table == 'area' else layer.id}")
    compare(set(first_column(text)), {field.name for field in layer.shown})
    for field in layer.shown:
        row = re.search(rf"^\| (\**)`{field.name}`\** \| [^|]* \|([^|]*)\|$", text, re.MULTILINE)
        assert row is not None, field.name
        assert set(re.findall(r"`([^`]+)`", row[2])) == set(field.aliases), field.name
        assert bool(row[1]) == field.required or layer is GAPS, f"whether {field.name} is needed"


def test_the_formats_and_the_columns_of_cases_are_those_of_the_program() -> None:
    files = page("files")
    compare(set(first_column(section(files, "## Formats"))), {*READABLE, *STREAMED})
    compare(set(first_column(section(files, "## Cases"))), set(FIELDS))


def test_the_rule_book_of_the_reference_is_valid_and_names_every_member() -> None:
    example = re.search(r"```yaml\n(.*?)```", page("rulebook"), re.DOTALL)
    assert example is not None
    document = yaml.safe_load(example[1])
    rules, faults = parse(document)
    assert faults == []
    assert len(rules) == len(document["rules"])
    compare({name for rule in document["rules"] for name in rule}, set(_RULE))
    assert set(document["rules"][0]["basis"]) == set(_BASIS)
