"""The store that keeps every revision: SQLite by default, PostGIS where there is one, with the same answers."""
