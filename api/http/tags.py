"""Entity tags: whether the caller has the answer already."""

from starlette.requests import Request


def is_known(request: Request, etag: str) -> bool:
    """Whether If-None-Match names this tag (compared weakly, RFC 9110 13.1.2)."""
    given = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    return "*" in given or etag.removeprefix("W/") in given


def takes_gzip(request: Request) -> bool:
    """Whether the caller takes gzip (RFC 9110 12.5.3)."""
    weights = {}
    for part in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = part.partition(";")
        weights[name.strip()] = weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return weights.get("gzip", weights.get("*", False))
