"""The plain pages: what they say, as HTML with nothing but one style of their own."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from api.http.problems import STATUS, STATUS_OF_CODE, TITLES

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gis", "grids", "components", "cases", "tiles", "api")
STYLE = """
body{font:15px/1.6 system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif;max-width:60rem;margin:2rem auto;
padding:0 1rem;color:#222;background:#fff}h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}td,th{border-top:1px solid #ccc;padding:.35rem .5rem;text-align:left;
vertical-align:top}code{font-family:ui-monospace,Consolas,monospace;font-size:.92em;overflow-wrap:anywhere}
summary{cursor:pointer;padding:.35rem 0}details{border-top:1px solid #ddd}.verb{display:inline-block;min-width:4rem;
font-weight:600}tr:target{background:#fff3bf}a{color:#0b5cad}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181a1b}td,th,details{border-color:#444}a{color:#7ab8ff}
tr:target{background:#4a3f12}}
"""


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="zh-Hans"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<style>{STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    )


def unbuilt_page() -> str:
    """What stands in the place of the map page where it was not built."""
    return _page(
        "网格 Wangge",
        "<p>地图页面尚未构建：请运行 <code>make setup</code>。接口不受影响，见 <a href='/docs'>接口文档</a>。</p>"
        "<p>The map page was not built: run <code>make setup</code>. "
        "The services work all the same, see <a href='/docs'>their list</a>.</p>",
    )


def operations_page(document: Mapping[str, Any]) -> str:
    """Every operation of an OpenAPI document: what it does, its parameters, its body, its answer."""
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            tag = (operation.get("tags") or ["other"])[0]
            groups.setdefault(tag, []).append(_operation(path, verb, operation))
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(each)}" for tag, each in groups.items())
    paragraphs = "".join(
        f"<p>{escape(each).replace('`', '')}</p>" for each in document["info"]["description"].split("\n\n")
    )
    links = (
        "<p><a href='/openapi.json'>/openapi.json</a> · <a href='/docs/errors'>错误代码 Error codes</a> · "
        "<a href='/map/'>地图 Map</a></p>"
    )
    return _page("网格 Wangge 接口 API", paragraphs + links + body + _schemas(document))


def _operation(path: str, verb: str, operation: Mapping[str, Any]) -> str:
    rows = [
        (each["name"], each["in"], _type(each.get("schema", {})), each.get("description", ""))
        for each in operation.get("parameters", ())
    ]
    bodies = operation.get("requestBody", {}).get("content", {}).values()
    rows += [("body", "body", _type(content["schema"]), "") for content in bodies]
    for status, response in operation.get("responses", {}).items():
        types = [_type(content.get("schema", {})) or kind for kind, content in response.get("content", {}).items()]
        rows.append((status, "answer 应答", ", ".join(types), response.get("description", "")))
    cells = "".join(f"<tr><td><code>{escape(n)}</code><td>{escape(i)}<td>{t}<td>{escape(d)}" for n, i, t, d in rows)
    return (
        f"<details><summary><span class='verb'>{escape(verb.upper())}</span><code>{escape(path)}</code> "
        f"{escape(operation.get('summary', ''))}</summary><p>{escape(operation.get('description', ''))}</p>"
        f"<table>{cells}</table></details>"
    )


def _type(schema: Mapping[str, Any]) -> str:
    """A schema in a few words of HTML, with links to those that have names."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f"<a href='#schema-{name}'>{name}</a>"
    if "enum" in schema or "const" in schema:
        return " | ".join(escape(str(each)) for each in schema.get("enum", [schema.get("const")]))
    if "anyOf" in schema:
        return " | ".join(_type(each) for each in schema["anyOf"])
    if schema.get("type") == "array":
        inner = schema.get("items") or {"anyOf": schema.get("prefixItems", [])}
        return f"[{_type(inner)}, …]"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"{{… : {_type(schema['additionalProperties'])}}}"
    return escape(str(schema.get("type", "")))


def _schemas(document: Mapping[str, Any]) -> str:
    parts = ["<h2>数据结构 Schemas</h2>"]
    for name, schema in document["components"]["schemas"].items():
        needed = schema.get("required", ())
        cells = "".join(
            f"<tr><td><code>{escape(member)}</code>{'' if member in needed else ' ?'}<td>{_type(each)}"
            f"<td>{escape(each.get('description', ''))}"
            for member, each in schema.get("properties", {}).items()
        )
        parts.append(
            f"<details id='schema-{escape(name)}' open><summary><code>{escape(name)}</code> "
            f"{escape(schema.get('description', ''))}</summary><table>{cells}</table></details>"
        )
    return "".join(parts)


def error_page() -> str:
    """Every code that the program can refuse with, its status, and its sentence with the words still open."""
    kinds = "".join(
        f"<tr><td>{status}<td>{escape(' · '.join(reversed(titles)))}" for status, titles in sorted(TITLES.items())
    )
    rows = "".join(
        f"<tr id='{escape(code)}'><td><code>{escape(code)}</code><td>{status}<td>{escape(zh)}<br>{escape(en)}"
        for code, status, en, zh in error_codes()
    )
    return _page(
        "错误代码 Error codes",
        "<p>所有错误均为 <code>application/problem+json</code>（RFC 9457），以 <code>code</code> 为准。"
        "Every failure is <code>application/problem+json</code> (RFC 9457); go by its <code>code</code>.</p>"
        f"<table>{kinds}</table><h2>code</h2><table>{rows}</table>",
    )


@cache
def error_codes() -> tuple[tuple[str, int, str, str], ...]:
    """Code, status, English and Chinese of every refusal and fault that the source names, by code."""
    found: dict[str, tuple[str, int, str, str]] = {}
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            for code, kind, en, zh in _said_in(ast.parse(file.read_text(encoding="utf-8"))):
                found.setdefault(code, (code, STATUS_OF_CODE.get(code, STATUS.get(kind, 422)), en, zh))  # type: ignore[call-overload]
    return tuple(sorted(found.values()))


def _said_in(tree: ast.AST) -> Iterator[tuple[str, str, str, str]]:
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("refuse", "Fault")):
            continue
        texts = [_text(each) for each in call.args[:3]]
        if len(texts) == 3 and isinstance(call.args[0], ast.Constant):
            kind = next((_text(each.value) for each in call.keywords if each.arg == "kind"), "invalid")
            yield texts[0], kind, texts[1], texts[2]


def _text(node: ast.expr) -> str:
    """A text of the source; what is filled in later is shown as …"""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    return "…"
