"""The shapes of drafts."""

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from api.schemas.answers import Shape

Faults = list[dict[str, Any]]
Whole = dict[str, Any]


class DraftItem(Shape):
    """A draft without its edits. `base` is the revision it stands on, `revision` the one it was published as."""

    id: str
    owner: str
    title: str
    author: str
    state: Literal["open", "published", "discarded"]
    version: int
    base: int
    revision: int | None
    created_at: AwareDatetime
    changed_at: AwareDatetime


class DraftList(Shape):
    """Drafts, newest first."""

    items: list[DraftItem]


class DraftEdit(Shape):
    """An edit as it was given; one that is undone does not count."""

    position: int
    edit: dict[str, Any]
    author: str
    made_at: AwareDatetime
    undone: bool


class Schedule(Shape):
    """When a draft is to be published, by which job, asked for by whom."""

    at: AwareDatetime
    job: str
    author: str


class Draft(DraftItem):
    """A draft. `conflicts` keep it from `newest`, the newest revision; without any it moves there by itself.

    `scheduled` says when it is to be published, null when nobody asked for that.
    """

    newest: int
    edits: list[DraftEdit]
    conflicts: Faults
    scheduled: Schedule | None


class NewDraft(Shape):
    """A draft of what begins with `owner`, a division's code; without it, of all that the key may edit."""

    title: str
    owner: str | None = None


class DraftChanges(Shape):
    """What changes, as GeoJSON: `properties.change` is created, changed or retired; new things have the uid null."""

    type: Literal["FeatureCollection"]
    features: list[dict[str, Any]]
    left_out: int = Field(description="How many features more there are than the 5,000 that are told")
    lineage: list[dict[str, Any]]
    notes: Faults


class Edited(Shape):
    """What edits came to. Of a dry run nothing is kept. `findings` are those of the checks around these edits."""

    draft: DraftItem
    dry_run: bool
    at: int
    changes: DraftChanges
    findings: Faults


class Diff(Shape):
    """All that a draft changes, on revision `at`."""

    at: int
    changes: DraftChanges


class Checked(Shape):
    """What the checks found around all that a draft changes, on revision `at`. What `blocks` keeps it unpublished.

    `rules` is what the draft leaves wrong with the rule book, when it touches what rules rest on.
    """

    at: int
    ran: int
    checks: int
    publishable: bool
    counts: dict[str, int]
    findings: Faults
    rules: Faults


class UnitImpact(Shape):
    """A unit that ends, begins, or changes shape or code; square metres."""

    code: str
    code_before: str | None
    area_m2: float | None
    area_m2_before: float | None


class MovedComponent(Shape):
    """A component that comes into another unit."""

    code: str
    before: str | None
    after: str | None


class MovedCase(Shape):
    """A case whose department would be another one."""

    source: str
    id: str
    unit: str | None
    before: str | None
    after: str | None


class HeldPrefix(Shape):
    """What names a prefix that the draft takes away (`gone`) or makes smaller (`narrowed`).

    `layer` is that of the row, or keys; `heirs` are the codes to which the ground went; `rows` are that many alike.
    """

    layer: str
    code: str
    prefix: str
    change: Literal["gone", "narrowed"]
    heirs: list[str]
    rows: int


class Impact(Shape):
    """What a draft means for what is not in it. Lists hold the first ones; `components_moved` counts them all.

    `cases_seen` of the open cases around were routed before and after, the newest; `cases_complete` when that was all.
    """

    at: int
    units: list[UnitImpact]
    divisions: list[UnitImpact]
    references: list[HeldPrefix]
    components_seen: int
    components_moved: int
    components: list[MovedComponent]
    cases_seen: int
    cases_complete: bool
    cases: list[MovedCase]


class PublishQuestion(Shape):
    """As what to publish. `effective_at` is a time since when it holds; without it, since it is published.

    `at` is a time to come at which a job publishes it.
    """

    note: str | None = None
    at: str | None = None
    effective_at: str | None = None
    basis: dict[str, Any] | None = Field(None, description="document, number, date, text, url")


class DraftPublished(Shape):
    """What was published. `differing` are the decisions since `effective_at` that would be others now.

    `differing_complete` is false where there are more than the answer holds or looked at: a replay tells all.
    """

    draft: DraftItem
    revision: dict[str, Any]
    changes: DraftChanges
    differing: list[MovedCase]
    differing_complete: bool


QUESTIONS = (NewDraft, PublishQuestion)
EDITS: Whole = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [
                        edit := {"type": "object", "required": ["op"], "properties": {"op": {"type": "string"}}},
                        {"type": "array", "items": edit},
                    ]
                }
            }
        },
    }
}
