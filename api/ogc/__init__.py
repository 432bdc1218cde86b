"""OGC APIs below `/ogc`: pygeoapi embedded for landing page and collections, everything else our own."""

from api.ogc.routes import mount

__all__ = ["mount"]
