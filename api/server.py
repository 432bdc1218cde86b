"""Run the server."""

import uvicorn

from api.settings import Settings


def run_server(settings: Settings, host: str | None, port: int | None) -> None:
    """Serve until interrupted, on the address of the settings unless another one is given."""
    from api.app import create_app

    host, port = host or settings.host, settings.port if port is None else port
    uvicorn.run(create_app(settings), host=host, port=port, log_level="info", timeout_graceful_shutdown=5)
