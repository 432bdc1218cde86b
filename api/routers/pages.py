"""Pages for people: the map, the list of operations, the errors. Nothing in them comes from another host."""

from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from api.http.pages import error_page, operations_page, unbuilt_page
from gis.errors import refuse

router = APIRouter(include_in_schema=False)

APP = Path(__file__).resolve().parent.parent / "static" / "app"
# Said here, because what a machine knows of types differs, and a browser runs no module of another type.
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".md": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
    ".png": "image/png",
}
POLICY = (
    "default-src 'self'; connect-src 'self' data: blob:; img-src 'self' data: blob:; "
    "style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; frame-ancestors 'self'; base-uri 'self'"
)
GUARD = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


@router.get("/")
@router.get("/map")
def to_map() -> Response:
    """The map is the front door."""
    return RedirectResponse("/map/", 307)


@router.get("/map/{path:path}")
def map_page(request: Request, path: str) -> Response:
    """The page as it was built; the files under assets/ carry their hash in the name and may be kept for ever."""
    folder: Path = request.app.state.page_folder
    if not (folder / "index.html").is_file():
        return HTMLResponse(unbuilt_page(), 503, GUARD)
    file = (folder / (path or "index.html")).resolve()
    hidden = any(part.startswith(".") for part in Path(path).parts)
    if hidden or not file.is_relative_to(folder) or not file.is_file():
        raise refuse("not_found", "The map page has no such file.", "地图页面没有该文件。", kind="missing")
    response = StaticFiles(check_dir=False).file_response(file, file.stat(), request.scope)
    for name, value in GUARD.items():
        response.headers[name] = value
    if path.startswith("assets/"):
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    if response.status_code == 200:
        response.headers["Content-Type"] = TYPES.get(file.suffix, "application/octet-stream")
    return response


@router.get("/docs")
def docs(request: Request) -> Response:
    """The operations, as a page."""
    return HTMLResponse(operations_page(request.app.openapi()), headers=GUARD)


@router.get("/docs/errors")
def errors() -> Response:
    """Every code that an error may have; a problem's `type` leads here."""
    return HTMLResponse(error_page(), headers=GUARD)
