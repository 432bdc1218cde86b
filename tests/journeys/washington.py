"""Washington, DC: the commands that load its boundaries and its rule book, and its cases in one file a kind."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.journeys.commands import Office

# layer of areas, file, column that is the code, since when it holds; oldest first
AREAS = (
    ("ward", "ward-2002", "WARD_ID", "2002-01-01"),
    ("smd", "single-member-district-2002", "SMD_ID", "2002-01-01"),
    ("anc", "advisory-neighborhood-commission-2002", "ANC_ID", "2002-01-01"),
    ("ward", "ward-2012", "WARD_ID", "2012-01-01"),
    ("precinct", "voting-precinct-2012", "NAME", "2012-01-01"),
    ("smd", "single-member-district-2013", "SMD_ID", "2013-01-01"),
    ("anc", "advisory-neighborhood-commission-2013", "ANC_ID", "2013-01-01"),
    ("police", "police-districts-mpd", "DISTRICT", "2013-01-01"),
    ("cluster", "neighborhood-clusters", "NAME", "2013-01-01"),
    ("bid", "business-improvement-districts", "GIS_ID", "2013-01-01"),
)
EDITION = "dc-311"
COLUMNS = (
    "SERVICEREQUESTID", "CCN", "SERVICECODE", "SERVICECODEDESCRIPTION", "ORGANIZATIONACRONYM", "WARD", "DISTRICT",
    "SMD", "NEIGHBORHOODCLUSTER", "CENSUS_TRACT", "BLOCK_GROUP", "VOTING_PRECINCT", "APPLICATIONDATETIME",
)  # fmt: skip
IDS = {"requests": "SERVICEREQUESTID", "crimes": "CCN", "permits": "OBJECTID"}

Row = dict[str, Any]
Features = dict[str, list[Row]]


def gather(data: Path) -> Features:
    """The features of every file of cases by kind; a service request or crime that comes again is left out."""
    kinds: Features = {"requests": [], "crimes": [], "permits": []}
    seen: set[str] = set()
    for path in sorted((data / "dc_311" / "cases").glob("*.geojson")):
        for feature in json.loads(path.read_text(encoding="utf-8"))["features"]:
            of = feature["properties"]
            kind = "crimes" if "CCN" in of else "requests" if "SERVICEREQUESTID" in of else "permits"
            number = of.get(IDS[kind]) if kind != "permits" else None
            if number is None or number not in seen:
                seen |= set() if number is None else {number}
                kept = {name: value for name, value in of.items() if name in COLUMNS} | {"FILE": path.stem}
                kinds[kind].append(feature | {"properties": kept})
    return kinds


def write_cases(kinds: Features, folder: Path) -> dict[str, Path]:
    """One GeoJSON a kind."""
    paths = {}
    for kind, features in kinds.items():
        paths[kind] = folder / f"{kind}.geojson"
        text = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)
        paths[kind].write_text(text, encoding="utf-8")
    return paths


def load(office: Office, data: Path) -> None:
    """Publish the grid, every layer of areas in order, and the rule book."""
    boundaries = data / "dc_311" / "boundaries"
    units = boundaries / "census-block-groups-2010.geojson"
    office.publish("units", units, "--profile", "fips", "--map", "code=GEOID", "--effective", "2002-01-01")
    for layer, file, column, since in AREAS:
        path = boundaries / f"{file}.geojson"
        office.publish("areas", path, "--area-layer", layer, "--map", f"code={column}", "--effective", since)


def load_rules(office: Office, requests: list[Row]) -> None:
    """Publish the agencies, the classes and the book service code -> agency, all learnt from the requests."""
    rows = [feature["properties"] for feature in requests if feature["properties"].get("SERVICECODE")]
    agencies = sorted({row["ORGANIZATIONACRONYM"] for row in rows})
    names = {row["SERVICECODE"]: row["SERVICECODEDESCRIPTION"] for row in rows}
    to = {row["SERVICECODE"]: row["ORGANIZATIONACRONYM"] for row in rows}
    _write_csv(office.folder / "agencies.csv", ("code", "name"), ((code, code) for code in agencies))
    heading = ("edition", "kind", "code", "name_en")
    _write_csv(office.folder / "classes.csv", heading, ((EDITION, "matter", code, names[code]) for code in names))
    rules = [
        {"code": code, "name": names[code], "edition": EDITION, "kind": "matter", "class": code,
         "to": [{"department": agency}]}
        for code, agency in sorted(to.items())
    ]  # fmt: skip
    (office.folder / "rules.yaml").write_text(yaml.safe_dump({"rules": rules}), encoding="utf-8")
    since = ("--effective", "2013-01-01")
    office.publish("departments", office.folder / "agencies.csv", *since)
    office.publish("catalogue", office.folder / "classes.csv", *since)
    office.publish("rules", office.folder / "rules.yaml", *since)


def answers(path: Path) -> list[Row]:
    """The rows of a CSV that a command wrote; nothing is None."""
    with path.open(encoding="utf-8", newline="") as lines:
        return [{name: value or None for name, value in row.items()} for row in csv.DictReader(lines)]


def _write_csv(path: Path, heading: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(heading)
        writer.writerows(rows)
