"""What callers may say of a file that they send, in the address or in the fields of a form."""

from collections.abc import Collection, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.jobs.folders import PARTS
from components.editions import CURRENT
from grids.units import SNAP_M


class ImportOrder(BaseModel):
    """The options of `wangge import` under their names there; `file_layer` is its --layer, `class` is --class."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    layer: str = Field(
        description="divisions units areas departments components rules catalogue cases outcomes, or a reference layer"
    )
    filename: str | None = Field(None, description="Of a file that is the body itself: its name with its ending")
    commit: bool = Field(False, description="Publish; without it nothing is changed")
    map: list[str] = Field(default_factory=list, description="field=column, repeatable")
    set: list[str] = Field(
        default_factory=list, description="field=text, repeatable; {COLUMN} in it is what the row has there"
    )
    fields: str | None = Field(
        None, description="Profile of field names: 2026, 2013, zh, en, a saved one, or none; default: found"
    )
    profile: str | None = Field(None, description="Code profile: gbt, gbt16, fips, free, or state=2,county=5,unit=12")
    file_layer: str | None = Field(None, description="Layer in the file")
    area_layer: str | None = Field(None, description="Name of the layer of areas")
    title: str | None = Field(None, description="How people call the layer of areas")
    overlap: str = Field("none", description="Whether areas of the layer may overlap: none or allowed")
    owner: str = Field("", description="Division code that owns the rows; empty: the whole store")
    crs: str | None = Field(None, description="CRS of the file: EPSG:4547, GCJ-02, BD-09 …")
    encoding: str | None = Field(None, description="Encoding of the text: utf-8, gbk …")
    effective: str | None = Field(None, description="Since when it holds: a date or a time")
    gaps: str | None = Field(
        None, description="Layer of the named gaps, in `gaps_file` if one is sent, else in the file"
    )
    scope: str | None = Field(
        None,
        max_length=100_000,
        description="Within which what the file lacks is gone: a code prefix; with a base also *, or polygons as WKT "
        "or GeoJSON, or a file `scope_file`",
    )
    base: str | None = Field(
        None, description="What the file was begun from: a revision, a date, or `file` (what it says itself)"
    )
    draft: bool = Field(False, description="Put what the file changes since its base into a draft")
    allow_changes: int = Field(0, ge=0, description="So many rows may be gone, or moved alike, in one go")
    snap: float = Field(
        SNAP_M, allow_inf_nan=False, description="Metres up to which gaps and overlaps of units are closed"
    )
    edition: str = Field(CURRENT, description="Edition of components that name none")
    class_code: str | None = Field(None, alias="class", description="Class of components that name none")
    basis: str | None = Field(None, description="Document it rests on, as text")
    note: str = Field("", description="Note of the revision")
    skip_rejected: bool = Field(False, description="Import the rows that are right although others are not")
    trust_crs: bool = Field(False, description="Take the CRS as said although records differ")
    rejects: bool = Field(False, description="Give the rows with errors as the file of the job, to be mended")
    source: str | None = Field(
        None, description="Source of cases and outcomes whose rows name none; where a new reference layer comes from"
    )
    reference: bool = Field(False, description="Add the file as a reference layer, called as `layer` says")
    title_en: str = Field("", description="How people call a new reference layer in English")
    license: str = Field("", description="Under which terms a new reference layer may be used")
    not_before: str | None = Field(None, description="A time before which it does not run")
    lang: str | None = Field(None, description="zh or en")

    def given(self, others: Collection[str]) -> list[str]:
        """What is said beside `others`, by its name in the address."""
        fields = type(self).model_fields
        said = (
            name
            for name in fields
            if name not in others and getattr(self, name) != fields[name].get_default(call_default_factory=True)
        )
        return [fields[name].alias or name for name in said]


class SurveyOrder(BaseModel):
    """The options of `wangge check delivery` under their names there; `class` is --class."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    filename: str | None = Field(None, description="Of a file that is the body itself: its name with its ending")
    map: list[str] = Field(default_factory=list, description="field=column, repeatable")
    fields: str | None = Field(None, description="Profile of field names: 2026, 2013, zh, en, a saved one, or none")
    owner: str = Field("", description="Division code that owns the rows; empty: the whole store")
    crs: str | None = Field(None, description="CRS that was asked for: files that declare another are told")
    encoding: str | None = Field(None, description="Encoding of the text: utf-8, gbk …")
    edition: str | None = Field(None, description="Edition of the classes; default: by the names of the files")
    class_code: str | None = Field(None, alias="class", description="Class of all components")
    not_before: str | None = Field(None, description="A time before which it does not run")
    lang: str | None = Field(None, description="zh or en")


class RasterOrder(BaseModel):
    """The options of `wangge rasters add` under their names there."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=80, description="How it is called from now on")
    filename: str | None = Field(None, description="Of a file that is the body itself: its name")
    title: str = Field("", description="How people call it")
    owner: str = Field("", description="Division code that owns it; empty: the whole store")
    note: str = Field("", description="Where it comes from, what it shows")
    crs: str | None = Field(None, description="CRS, before what the file says")
    nodata: str | None = Field(None, description="Number that means no data, before the file's; none: no number")
    not_before: str | None = Field(None, description="A time before which it does not run")
    lang: str | None = Field(None, description="zh or en")


def import_parameters() -> dict[str, Any]:
    """The description of the address and the body of an import for OpenAPI."""
    return _parameters(ImportOrder, "layer", PARTS)


def survey_parameters() -> dict[str, Any]:
    """The same of a check of a delivery."""
    return _parameters(SurveyOrder, "fields", PARTS[:1])


def raster_parameters() -> dict[str, Any]:
    """The same of a raster."""
    return _parameters(RasterOrder, "name", PARTS[:1])


def _parameters(order: type[BaseModel], first: str, files: Sequence[str]) -> dict[str, Any]:
    schema = order.model_json_schema()
    options = {name: each for name, each in schema["properties"].items() if name not in ("lang", first)}
    fields = {name: each for name, each in schema["properties"].items() if name not in ("lang", "filename")}
    binary = {"type": "string", "format": "binary"}
    properties = {**dict.fromkeys(files, binary), **fields}
    form = {"type": "object", "required": ["file"], "properties": properties}
    parameters = [{"name": first, "in": "query", "required": False, "schema": schema["properties"][first]}]
    parameters += [{"name": name, "in": "query", "required": False, "schema": each} for name, each in options.items()]
    content = {"application/octet-stream": {"schema": binary}, "multipart/form-data": {"schema": form}}
    return {"parameters": parameters, "requestBody": {"required": True, "content": content}}
