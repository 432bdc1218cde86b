"""The shapes of questions and answers, for the OpenAPI document; a test holds every answer to them.

Bodies are read by the functions that know them (`cases.reports`, `api.lookups.points`), which say what is wrong.
"""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Shape(BaseModel):
    """A JSON object with these members and no others."""

    model_config = ConfigDict(extra="forbid")


class Named(Shape):
    """Something by its code."""

    code: str
    name: str | None


class Both(Shape):
    """A text in both languages."""

    zh: str
    en: str


class Problem(BaseModel):
    """A failure (RFC 9457). `code` is stable; `detail` is in the language asked for, `detail_zh` is always there."""

    type: str
    title: str
    status: int
    detail: str
    detail_zh: str
    detail_en: str | None = None
    code: str
    row: int | None = None
    thing: str | None = None
    where: dict[str, Any] | None = Field(None, description="A GeoJSON geometry in lon, lat")
    successors: list[str] | None = Field(None, description="Of a retired code: the codes that have its ground now")
    errors: list[dict[str, Any]] | None = Field(None, description="All faults, when there are several")


class BadElement(Shape):
    """What stands in the place of an element that could not be answered; `i` counts from 0."""

    i: int
    error: Problem


class HeldArea(Shape):
    """An area that holds the point, with the code of its department."""

    code: str
    name: str | None
    department: str | None


class PlaceDepartment(Shape):
    """A department of a division or area that holds the point; `layer` is the level or the layer of areas."""

    code: str
    name: str | None
    role: Literal["division", "area"]
    layer: str


class PlaceInWords(Both):
    """A place by the names around it, and how far the point is from what names it."""

    kind: Literal["crossing", "road", "place"]
    distance_m: float


class Place(Shape):
    """Where a point lies. `point` is lon, lat in EPSG:4490; `divisions` by level and `areas` by layer."""

    point: tuple[float, float]
    unit: str | None
    divisions: dict[str, Named]
    areas: dict[str, list[HeldArea]]
    departments: list[PlaceDepartment]
    gap: str | None
    boundary_distance_m: float | None
    flags: list[str]
    place: PlaceInWords | None = Field(None, description="Only with `names`, and where something that has one is near")


class LocateAnswer(Place):
    """The place of one point, at a revision."""

    revision: int


class LocateManyAnswer(Shape):
    """The places of many points, in the order asked."""

    revision: int
    results: list[Place | BadElement]


class PointWithAccuracy(Shape):
    """A point with its own position error."""

    lon: float
    lat: float
    accuracy_m: float | None = None


class LocateQuestion(Shape):
    """Many points of one CRS; x before y, whatever the CRS."""

    points: list[tuple[float, float] | PointWithAccuracy]
    crs: str = Field(description="EPSG:4547, CRS84, GCJ-02, BD-09, WKT or PROJ text")
    accuracy_m: float | None = Field(None, description="Position error of the points that state none")
    as_of: int | str | None = Field(None, description="A revision or a time")


class CaseQuestion(Shape):
    """A case to route. Codes are text; lon and lat are x and y of `crs`."""

    lon: float
    lat: float
    crs: str
    source: str | None = None
    id: str | int | None = None
    version: int | None = Field(None, ge=0)
    accuracy_m: float | None = None
    reported_at: str | None = Field(None, description="ISO 8601; without an offset it is of the store's zone")
    edition: str | None = None
    kind: Literal["component", "matter"] | None = None
    class_code: str | None = None
    condition: str | None = None
    component_code: str | None = None


class CaseReport(CaseQuestion):
    """A case to take in: source and id name it; without a version it has the version 0. Texts can be erased later."""

    source: str
    id: str | int
    description: str | None = Field(None, max_length=2000, description="What the reporter says")
    address: str | None = Field(None, max_length=2000, description="Where, in words")
    contact: str | None = Field(None, max_length=2000, description="Whom to ask")


class CaseName(Shape):
    """Which case it was."""

    source: str
    id: str
    version: int | None


class Body(Named):
    """A department with its ids in other systems, and those above it from the top."""

    ids: dict[str, str]
    path: list[Named]


class Target(Shape):
    """How the department was found."""

    kind: Literal["department", "area", "division", "component"]
    value: str


class RuleName(Shape):
    """A rule: its code is unique within the owner."""

    owner: str
    code: str


class Basis(Shape):
    """What a rule rests on."""

    text: str | None
    document: str | None
    number: str | None
    date: str | None
    url: str | None


class DecidingArea(Named):
    """The area that an answer rests on."""

    layer: str


class ComponentMeant(Shape):
    """The component that a case means."""

    code: str
    distance_m: float


class Alternative(Shape):
    """A department that might have been meant; `why` is a stable code."""

    department: Named
    rule: RuleName
    distance_m: float | None
    why: str


class Reason(Both):
    """One step of the explanation."""

    code: str


class Routing(Shape):
    """Who must deal with a case, and why."""

    case: CaseName
    unit: str | None
    divisions: dict[str, Named]
    department: Body | None
    advice: Literal["dispatch", "review", "fallback"]
    target: Target | None
    rule: RuleName | None
    basis: Basis | None
    time_limit: str | None
    supervisor: Named | None
    area: DecidingArea | None
    component: ComponentMeant | None
    flags: list[str]
    alternatives: list[Alternative]
    because: list[Reason]
    revision: int


class LayerField(Shape):
    """A field of a layer."""

    name: str
    title: Both
    type: str


class LayerOrigin(Shape):
    """Of a reference layer: where it comes from, when it was last changed, whether places are told by its names."""

    license: str
    source: str
    note: str
    updated: AwareDatetime
    names: bool


class LayerItem(Shape):
    """A layer: what it is called, where it lies, how many features and which fields it has."""

    id: str
    title: Both
    geometry: Literal["polygon", "line", "point", "mixed", "none"]
    bounds: tuple[float, float, float, float] | None
    count: int
    fields: list[LayerField]
    about: LayerOrigin | None = None


class LayerList(Shape):
    """All layers that the caller may read."""

    revision: int
    layers: list[LayerItem]


class RevisionItem(Shape):
    """A published change; `counts` by table."""

    number: int
    recorded_at: AwareDatetime
    effective_at: AwareDatetime
    author: str
    note: str
    basis: dict[str, Any] | None
    counts: dict[str, dict[str, int]]


Next = Annotated[str | None, Field(description="Give it back as `after` for what follows; null at the end")]


class RevisionList(Shape):
    """Revisions, oldest first."""

    items: list[RevisionItem]
    next: Next


class DivisionItem(Named):
    """A division without its shape."""

    level: str
    department: str | None


class DivisionList(Shape):
    """Divisions by code."""

    revision: int
    items: list[DivisionItem]
    next: Next


class DepartmentItem(Named):
    """A department; `ids` are its ids in other systems."""

    parent: str | None
    ids: dict[str, str]


class DepartmentList(Shape):
    """Departments by code."""

    revision: int
    items: list[DepartmentItem]
    next: Next


class AreaItem(Named):
    """An area of responsibility without its shape."""

    owner: str
    department: str | None
    priority: int


class AreaList(Shape):
    """The areas of one layer by code."""

    revision: int
    items: list[AreaItem]
    next: Next


class Unit(Shape):
    """A unit grid in force. `from_revision` is the revision that made this version of it."""

    code: str
    name: str | None
    area_m2: float
    initial_date: str | None
    end_date: str | None
    note: str | None
    attributes: dict[str, Any] | None
    divisions: dict[str, Named]
    geometry: dict[str, Any]
    from_revision: int
    revision: int


class Alive(Shape):
    """The process lives."""

    status: Literal["ok"]


class Ready(Shape):
    """Lookups can be answered, of this revision; `age_s` is how long ago the store confirmed it."""

    status: Literal["ready", "degraded"]
    revision: int
    age_s: float
    store: Literal["up", "down"]
