"""The 22 layers of street assets of Washington, DC: for each the profile by which a delivery of it is read."""

from dataclasses import dataclass, field

EDITION = "dc-assets"


@dataclass(frozen=True, slots=True)
class Asset:
    """A layer: its file, how many features it has, their type, and where its profile finds what.

    `number` is the column that numbers the features; `columns` (field -> column) and `texts` (field -> text) are the
    rest of the profile.
    """

    file: str
    count: int
    shape: str
    number: str
    columns: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def set(self) -> dict[str, str]:
        """All texts of the profile."""
        own = {"code": f"{self.file}-{{{self.number}}}", "edition": EDITION, "class_code": self.file}
        return {**own, **self.texts}


DDOT, DPW, WATER = ({"owner_code": each} for each in ("DDOT", "DPW", "DC WATER"))

ASSETS = (
    Asset("bollards", 11_608, "point", "OBJECTID", {"name": "DESCRIPTION", "change_date": "CAPTUREYEAR"}, DDOT),
    Asset(
        "capital-bike-share-locations", 399, "point", "OBJECTID", {"name": "ADDRESS"}, {"owner_name": "Bikeshare {ID}"}
    ),
    Asset("cctv-street-cameras", 596, "point", "OBJECTID_1", {"owner_code": "DEPARTMENT", "note": "ADDRESS"}),
    Asset("geodetic-control-points", 150, "point", "OBJECTID", {"name": "DESCRIPTION", "change_date": "CAPTUREDATE"}),
    Asset("guardrails-and-barriers", 2_699, "line", "OBJECTID", {"name": "DESC_"}, DDOT),
    Asset("litter-cans", 5_265, "point", "OBJECTID", {"maintainer_code": "NAME", "initial_date": "CREATEDAT"}, DPW),
    Asset("loading-zones", 619, "point", "OBJECTID", {"note": "NEARBYADDRESS"}, DDOT),
    Asset("other-traffic-signs", 8_913, "point", "OBJECTID", {"name": "DESC_"}, DDOT),
    Asset("parking-meters-2009", 11_443, "point", "OBJECTID", {"name": "METERID"}, DDOT),
    Asset("sewers-inlets", 2_772, "polygon", "OBJECTID", {"name": "DESC_"}, WATER),
    Asset("sidewalk-grates", 10_147, "point", "OBJECTID", {"name": "DESCRIPTION", "change_date": "CAPTUREDATE"}, WATER),
    Asset("snow-emergency-ramps", 137, "line", "OBJECTID", {"name": "ARAMP_ID"}, DDOT),
    Asset("speed-humps", 269, "point", "OBJECTID", {"note": "LOCATION"}, {"name": "hump in ward {WARD}", **DDOT}),
    Asset("storm-sewer-system", 363, "polygon", "OBJECTID", {"name": "NAME", "note": "COMMENTS"}, WATER),
    Asset("traffic-barriers", 2_685, "line", "OBJECTID", {"name": "DESCRIPTION", "change_date": "CAPTUREDATE"}, DDOT),
    Asset("traffic-camera", 339, "point", "OBJECTID", {"owner_code": "OWNER"}, {"maintainer_code": "MPD"}),
    Asset("traffic-push-button", 923, "point", "OBJECTID", {}, DDOT),
    Asset("traffic-signal-arm", 1_447, "point", "OBJECTID", {"name": "EQUIPMENTID"}, DDOT),
    Asset("traffic-signal-cabinets", 1_412, "point", "OBJECTID", {"name": "FACILITYID"}, DDOT),
    Asset("triangles-and-medians", 222, "polygon", "OBJECTID", {"owner_code": "AGENCY", "note": "ADDRESS"}),
    Asset("underground-storage-tanks", 5_878, "point", "OBJECTID", {"owner_name": "NAME", "state": "TANKSTATUS"}),
    Asset("vehicle-detection-system", 1_643, "point", "OBJECTID", {"name": "DETECTORID"}, DDOT),
)
