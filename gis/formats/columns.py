"""The columns of a table: names that a format can hold, types that Arrow can hold."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def named_once(names: Iterable[str], *, longest: int | None = None, encoding: str = "utf-8") -> list[str]:
    """The names, empty ones filled in and the later of equals (whatever the case) with a number behind them.

    `longest` is a limit in bytes of the encoding; a name is cut between characters.
    """
    taken: set[str] = set()
    result = []
    for number, name in enumerate(names, 1):
        stem = name or f"column_{number}"
        given = _cut(stem, longest, encoding)
        count = 1
        while given.casefold() in taken:
            count += 1
            suffix = f"_{count}"
            given = _cut(stem, longest - len(suffix) if longest else None, encoding) + suffix
        taken.add(given.casefold())
        result.append(given)
    return result


def to_arrow(columns: Mapping[str, NDArray[Any]], names: Sequence[str], types: Iterable[pa.DataType]) -> pa.Table:
    """The columns, renamed, each as the type that holds all its values (`type_of`)."""
    arrays = [_arrow(column.tolist(), kind) for column, kind in zip(columns.values(), types, strict=True)]
    return pa.Table.from_arrays(arrays, names=list(names))


def types_in(values: Iterable[Any]) -> set[type | None]:
    """The types of Python among values, None for a number that no integer of Arrow holds; nothing counts as nothing."""
    found: set[type | None] = set(map(type, values))
    found.discard(type(None))
    if int in found and not all(abs(value) < 2**63 for value in values if type(value) is int):
        found.add(None)
    return found


def type_of(types: set[type | None]) -> pa.DataType:
    """The one type that holds values of these types: bool, int64, float64, else text."""
    if len(types) == 1:
        plain: dict[type | None, pa.DataType] = {bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
        return plain.get(next(iter(types)), pa.string())
    return pa.string()


def from_arrow(column: pa.ChunkedArray | pa.Array) -> NDArray[Any]:
    """Plain values: dates and times become ISO text, lists JSON text; bytes (pictures) are no attribute and None.

    Texts that come again are one object.
    """
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        return np.concatenate([np.empty(0, dtype=object), *(_texts(each) for each in chunks)])
    return to_column([_plain(value) for value in column.to_pylist()])


def _texts(chunk: pa.Array) -> NDArray[Any]:
    listed = chunk.dictionary_encode()
    texts = to_column([*listed.dictionary.to_pylist(), None])
    found: NDArray[Any] = texts[listed.indices.fill_null(len(texts) - 1).to_numpy(zero_copy_only=False)]
    return found


def to_values(column: pa.Array) -> list[Any]:
    """What `from_arrow` gives, fast for text, numbers and dictionaries of text; NaN becomes None."""
    kind = column.type
    if pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type):
        texts = to_column([*column.dictionary.to_pylist(), None])
        none = len(texts) - 1
        indices = column.indices.fill_null(none) if column.null_count else column.indices
        chosen: list[Any] = texts[indices.to_numpy(zero_copy_only=False)].tolist()
        return chosen
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        found: list[Any] = column.to_numpy(zero_copy_only=False).tolist()
        return found
    if pa.types.is_float64(kind):
        numbers = column.to_numpy(zero_copy_only=False)
        missing = np.isnan(numbers)
        if missing.any():
            numbers = numbers.astype(object)
            numbers[missing] = None
        values: list[Any] = numbers.tolist()
        return values
    if pa.types.is_integer(kind) and not column.null_count:
        whole: list[Any] = column.to_numpy(zero_copy_only=False).tolist()
        return whole
    plainly = column.dictionary_decode() if pa.types.is_dictionary(kind) else column
    slowly: list[Any] = from_arrow(plainly).tolist()
    return slowly


def to_cells(column: pa.Array) -> list[Any]:
    """The values as a writer of CSV takes them: text, or finite numbers, of which it knows the shortest form."""
    kind = column.type
    values = to_values(column)
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return values
    if pa.types.is_float64(kind) and np.isfinite(column.to_numpy(zero_copy_only=False)).all():
        return values
    return [to_text(value) for value in values]


def to_text(value: Any) -> str | None:
    """A value as it stands in a text file."""
    if value is None or (isinstance(value, float) and value != value):
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def to_column(values: Sequence[Any]) -> NDArray[Any]:
    """Python values as an object array (n,)."""
    column: NDArray[Any] = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, bytes):
        return None
    return value.isoformat() if hasattr(value, "isoformat") else to_text(value)


def _arrow(values: list[Any], kind: pa.DataType) -> pa.Array:
    return pa.array([to_text(value) for value in values] if pa.types.is_string(kind) else values, kind)


def _cut(name: str, longest: int | None, encoding: str) -> str:
    return name.encode(encoding)[:longest].decode(encoding, errors="ignore")
