"""Run the server: one process or several, on one socket."""

import errno
import json
import os
import pickle
import socket
import sys
from multiprocessing.connection import wait

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import multiprocess

from api.http.gathering import GatheringProtocol
from api.settings import Settings
from gis.errors import refuse

APP = "api.app:create_app_from_settings"
BACKLOG = 2048
GRACE_S = 5
HUNG_S = 60
"""A worker that does not even say that it lives for so long is replaced; reading a large city must not look like it."""


class Worker(multiprocess.Process):
    """A worker process. One that has ended is replaced at once: uvicorn would wait for it as for one that hangs."""

    def ping(self, timeout: float = HUNG_S) -> bool:
        """Whether it answers within so many seconds, and has not ended meanwhile."""
        try:
            self.parent_conn.send(b"ping")
            if self.parent_conn not in wait([self.parent_conn, self.process.sentinel], timeout):
                return False
            self.parent_conn.recv()
            return True
        except (OSError, EOFError, pickle.UnpicklingError):
            return False


def run_server(settings: Settings, host: str | None, port: int | None, workers: int | None = None) -> None:
    """Serve until interrupted, with what the settings say unless something else is given.

    Several workers are processes of their own, started anew when one dies; the settings reach them as WANGGE_*.
    Errors: Refusal address_in_use, host_wrong.
    """
    chosen = {"host": host, "port": port, "workers": workers}
    settings = settings.model_copy(update={name: value for name, value in chosen.items() if value is not None})
    listener = listen(settings.host, settings.port)
    if settings.workers == 1:
        from api.app import create_app

        config = configure(settings, create_app(settings))
        server = uvicorn.Server(config)
        server.run(sockets=[listener])
        if not server.started:
            sys.exit(1)
        return
    os.environ.update(environment(settings))
    config = configure(settings, APP)
    setattr(multiprocess, "Process", Worker)  # noqa: B010 - the supervisor makes its workers of what is named so there
    supervisor = multiprocess.Multiprocess(config, [listener])
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        sys.exit(1)


def configure(settings: Settings, app: object) -> uvicorn.Config:
    """How uvicorn runs the application, which is itself or, for several workers, the name of what makes it."""
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        factory=isinstance(app, str),
        loop="uvloop",
        http=GatheringProtocol,
        interface="asgi3",
        log_level="info",
        access_log=settings.access_log,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_S,
        timeout_worker_healthcheck=HUNG_S,
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket on the address, on which nobody is listened to yet. Errors: Refusal address_in_use, host_wrong."""
    listener = None
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.set_inheritable(True)
    except (OSError, UnicodeError) as error:
        if listener is not None:
            listener.close()
        if isinstance(error, OSError) and error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise refuse(
                "address_in_use",
                f"The server cannot listen on {host}, port {port}: {error.strerror}. Another program has the port, or "
                "it needs special rights; take another one with --port or WANGGE_PORT.",
                f"无法监听 {host} 的端口 {port}：该端口已被占用或需要特殊权限；请用 --port 或 WANGGE_PORT 更换端口。",
                kind="unavailable",
            ) from None
        raise refuse(
            "host_wrong",
            f"The server cannot listen on {host}, port {port}: that is no address of this machine. "
            "Give one with --host or WANGGE_HOST, 0.0.0.0 for all of them.",
            f"无法监听 {host}:{port}：不是本机地址；请用 --host 或 WANGGE_HOST 指定，0.0.0.0 表示全部地址。",
        ) from None
    return listener


def environment(settings: Settings) -> dict[str, str]:
    """The settings as the variables from which a worker reads them again."""
    told = settings.model_dump(mode="json")
    return {
        f"WANGGE_{name.upper()}": value if isinstance(value, str) else json.dumps(value) for name, value in told.items()
    }
