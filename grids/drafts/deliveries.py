"""What an import brings to a draft: kept in pieces under a digest, made an edit again where the draft is worked out.

A piece is an Arrow stream of rows: uid (0 of a new row), owner, code, the other columns as JSON (null of a row that is
gone) and the shape as WKB. Nothing of it is parsed but by who works the draft out, once for each state of the draft.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import shapely
from sqlalchemy import Connection, delete, insert, select

from gis.errors import Refusal, refuse
from gis.store.engine import Store, writing
from gis.store.vicinity import former_uids
from grids.deliveries.merging import SHAPE, Verdict
from grids.drafts.tables import draft_delivery
from grids.edits.value import DIVISIONS, UNITS, Edit, Feature
from grids.features import AREAS, feature_of, table_of

if TYPE_CHECKING:
    from grids.drafts.doors import Doors
    from grids.drafts.sketch import Standing

IMPORT = "import"
PIECE = 5_000
MEMBERS = frozenset({"op", "layer", "delivery", "base", "source", "counts"})
SCHEMA = pa.schema([("uid", pa.int64()), ("code", pa.string()), ("values", pa.binary()), ("geom", pa.binary())])


@dataclass(frozen=True, slots=True)
class Staged:
    """Features that an import begins, those of placeholders with the uid 0, and the uids that it ends for good."""

    begun: tuple[Feature, ...]
    gone: tuple[int, ...]


def keep_delivery(store: Store, draft_id: str, layer: str, changes: Sequence[Verdict]) -> str:
    """Put the changes of a delivery down for a draft; the digest by which an edit names them.

    Pieces are written one by one, so that no other writer waits long; what is there already is left as it is.
    """
    digest = hashlib.sha256(f"{draft_id}\n{layer}\n".encode())
    pieces = []
    for start in range(0, len(changes), PIECE):
        pieces.append(_pack(layer, changes[start : start + PIECE]))
        digest.update(pieces[-1])
    name = digest.hexdigest()
    for position, content in enumerate(pieces):
        with writing(store.world) as connection:
            known = (draft_delivery.c.digest == name, draft_delivery.c.position == position)
            if connection.execute(select(draft_delivery.c.position).where(*known)).first() is None:
                row = {"digest": name, "position": position, "draft_id": draft_id, "content": content}
                connection.execute(insert(draft_delivery).values(**row))
    return name


def drop_deliveries(connection: Connection, draft_id: str) -> None:
    """Forget what was imported into a draft."""
    connection.execute(delete(draft_delivery).where(draft_delivery.c.draft_id == draft_id))


def read_delivery(connection: Connection, layer: str, digest: str) -> Staged:
    """What was put down under a digest. Errors: Refusal delivery_gone."""
    chosen = select(draft_delivery.c.content).where(draft_delivery.c.digest == digest)
    begun: list[Feature] = []
    gone: list[int] = []
    for (content,) in connection.execute(chosen.order_by(draft_delivery.c.position)):
        for feature, uid in _unpack(layer, content):
            if feature is None:
                gone.append(uid)
            else:
                begun.append(feature)
    if not begun and not gone:
        raise refuse(
            "delivery_gone",
            "What was imported into this draft is no longer there: the draft was discarded. Import the file again.",
            "该草稿的导入内容已不存在（草稿已废弃）；请重新导入文件。",
            kind="gone",
        )
    return Staged(tuple(begun), tuple(gone))


def apply_import(standing: "Standing", document: Mapping[str, Any], doors: "Doors") -> Edit:
    """The edit that an import comes to, on what holds once the edits before it do.

    Errors: Refusal edit_wrong, layer_not_editable, delivery_gone, delivery_passed.
    """
    layer, digest = document.get("layer"), document.get("delivery")
    if not isinstance(layer, str) or not isinstance(digest, str) or document.keys() - MEMBERS:
        raise _wrong()
    door = None if layer in (UNITS, DIVISIONS) else doors.find(layer)
    table = table_of(layer) if door is None else door.table
    staged = read_delivery(standing.connection, layer, digest)
    wanted = {each.uid for each in staged.begun if each.uid} | set(staged.gone)
    old = standing.features(layer, table, wanted)
    lost = wanted - {each.uid for each in old}
    added = {each.code for each in staged.begun if not each.uid}
    new = {(str(each.attributes.get("owner")), each.code) for each in staged.begun if not each.uid}
    known = former_uids(standing.connection, table, standing.at, added) if door is not None and door.returns else {}
    former = {key: uid for key, uid in known.items() if key in new}
    taken = len(standing.put_codes(layer) & added) + len(standing.features(layer, table, former.values()))
    if lost or taken:
        raise _passed(layer, len(lost) + taken)
    begun, placeholder = [], standing.placeholder
    for each in staged.begun:
        back = former.get((str(each.attributes.get("owner")), each.code))
        if each.uid:
            begun.append(each)
        elif back is not None:
            begun.append(replace(each, uid=back))
        else:
            begun.append(replace(each, uid=placeholder))
            placeholder -= 1
    return Edit(tuple(old), tuple(begun))


def _pack(layer: str, changes: Sequence[Verdict]) -> bytes:
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    for each in changes:
        now, delivered = each.row.now, each.row.delivered
        columns["uid"].append(0 if now is None else int(now["uid"]))
        columns["code"].append(each.row.name)
        if delivered is None:
            columns["values"].append(None)
            columns["geom"].append(None)
            continue
        feature = feature_of("areas" if layer.startswith(AREAS) else layer, {"uid": 0, **delivered})
        columns["values"].append(json.dumps(dict(feature.attributes), ensure_ascii=False).encode())
        columns["geom"].append(delivered.get(SHAPE))
    shapes: Any = shapely.to_wkb(columns["geom"], include_srid=False) if columns["geom"] else []
    columns["geom"] = [None if each is None else bytes(each) for each in shapes]
    table = pa.table(columns, schema=SCHEMA)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, SCHEMA, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _unpack(layer: str, content: bytes) -> Iterator[tuple[Feature | None, int]]:
    columns = pa.ipc.open_stream(content).read_all().to_pydict()
    shapes = shapely.from_wkb(columns["geom"])
    for uid, code, values, shape in zip(columns["uid"], columns["code"], columns["values"], shapes, strict=True):
        if values is None:
            yield None, uid
        else:
            yield Feature(layer, uid, code, shape, json.loads(values)), uid


def _wrong() -> Refusal:
    return refuse(
        "edit_wrong",
        "import: layer and delivery name what was imported into this draft; such an edit is made by importing a file.",
        "import：layer 和 delivery 指明已导入本草稿的内容；此类编辑由导入文件生成。",
    )


def _passed(layer: str, count: int) -> Refusal:
    return refuse(
        "delivery_passed",
        f"{count} rows of {layer} that the import is about are not as they were when it was compared: import the file "
        "again, into a new draft.",
        f"导入所涉及的 {layer} 中有 {count} 行已与比对时不同；请重新导入到新的草稿。",
        kind="conflict",
        thing=layer,
    )
