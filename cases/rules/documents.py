"""Documents that people write: YAML (or JSON) in, plain values out. Nothing in one makes an object or fills memory."""

import re
from pathlib import Path
from typing import Any

import yaml

from gis.errors import refuse

DEEPEST = 32
"""How deep a document may be nested; a rule book needs 6."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader, refusing a key given twice, of which YAML silently keeps the last, and merge keys (<<), with
    which a few lines can stand for more members than memory holds.
    """

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen or key.tag == "tag:yaml.org,2002:merge":
                why = "merge keys (<<) are not read" if key.value not in seen else f"the key {key.value} is given twice"
                raise yaml.constructor.ConstructorError(None, None, why, key.start_mark)
            seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


_PLAIN = re.compile(r"[+-]?(0|[1-9][0-9]{0,17})")


def _whole(loader: _Loader, node: yaml.ScalarNode) -> int:
    """A number written as people write numbers: to YAML 010 is eight, 12:30 is 750, and 1_0 ten."""
    if not _PLAIN.fullmatch(node.value):
        why = f"{node.value[:40]} is no plain number; put it in quotes if it is a code or a time"
        raise yaml.constructor.ConstructorError(None, None, why, node.start_mark)
    return int(node.value)


_Loader.add_constructor("tag:yaml.org,2002:int", _whole)


def _limit_depth(text: str) -> None:
    """YAMLError for a document nested too deeply: the loader in C overruns the stack of the process on such a one."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise yaml.composer.ComposerError(None, None, f"it is nested more than {DEEPEST} deep", event.start_mark)  # type: ignore[arg-type] # the stubs of the C marks


def load_yaml(source: Path | str) -> Any:
    """The document in a YAML (or JSON) file, given by its `Path`, or in a text.

    Refusal `unreadable` names the line; only plain values are made, never objects.
    """
    name = source.name if isinstance(source, Path) else "the text"
    name_zh = source.name if isinstance(source, Path) else "文本"
    try:
        text = source.read_text(encoding="utf-8-sig") if isinstance(source, Path) else source
        _limit_depth(text)
        return yaml.load(text, _Loader)  # _Loader is a safe loader
    except OSError as error:
        why = error.strerror or str(error)
        raise refuse(
            "unreadable", f"{name} cannot be read: {why}.", f"无法读取{name_zh}：{why}。", kind="unreadable"
        ) from error
    except UnicodeDecodeError as error:
        raise refuse(
            "unreadable",
            f"{name} is not UTF-8 text (byte {error.start + 1}): save it as UTF-8.",
            f"{name_zh}不是UTF-8编码（第{error.start + 1}字节）：请另存为UTF-8。",
            kind="unreadable",
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line, why = (mark.line + 1 if mark else 1), getattr(error, "problem", None) or str(error).splitlines()[0]
        raise refuse(
            "unreadable",
            f"{name} is not valid YAML at line {line}: {why}.",
            f"{name_zh}第{line}行不是有效的YAML：{why}。",
            kind="unreadable",
        ) from error
    except ValueError as error:  # a date like 2024-13-45
        why = str(error)
        raise refuse(
            "unreadable", f"{name} is not valid YAML: {why}.", f"{name_zh}不是有效的YAML：{why}。", kind="unreadable"
        ) from error
