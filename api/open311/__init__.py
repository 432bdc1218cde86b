"""Open311 GeoReport v2: classes of the catalogue as services, cases as requests. Thin: one intake for all doors."""
