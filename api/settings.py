"""Settings, read from WANGGE_* variables once, at the edge; everything below gets arguments."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every setting, with its default. `docs/reference/settings.md` lists them; a test keeps both alike."""

    model_config = SettingsConfigDict(env_prefix="WANGGE_", extra="forbid", frozen=True)

    store: str = Field(
        "sqlite:///wangge.db", description="The store: sqlite:///FILE or postgresql+psycopg://USER@HOST/DB"
    )
    data: Path = Field(
        Path("data"), description="Folder of reports, uploads, world files and other files of this installation"
    )
    host: str = Field("127.0.0.1", description="Address the server listens on")
    port: int = Field(8000, ge=0, le=65535, description="Port the server listens on")
    workers: int = Field(1, ge=1, le=256, description="Processes that answer")
    access_log: bool = Field(False, description="Whether every request is logged; keys in addresses are masked")
    zone: str = Field("Asia/Shanghai", description="Time zone of times and dates that come without one")
    language: str = Field("zh", pattern="^(zh|en)$", description="Language of the command line: zh or en")
    wait_s: float = Field(10.0, gt=0, description="Seconds a writer waits for another one")
    max_body_mb: float = Field(20.0, gt=0, description="Largest body of a request, in megabytes")
    max_upload_mb: float = Field(2000.0, gt=0, description="Largest file that may be sent for import, in megabytes")
    max_raster_gb: float = Field(50.0, gt=0, description="Largest raster that is taken, in gigabytes when decoded")
    jobs: bool = Field(True, description="Whether the server runs jobs and sends webhooks, in threads of its processes")
    jobs_kept_days: float = Field(30.0, gt=0, description="Days after which an ended job and its files are removed")
    webhooks_private: bool = Field(False, description="Whether webhooks may lead to this machine and private networks")
    indicators: str = Field("", description="File of a set of indicators of one's own (YAML), beside those that ship")
    max_points: int = Field(100_000, gt=0, description="Most points or cases in one JSON request")
    cors_origins: list[str] = Field(["*"], description="Origins whose pages may read the answers")
    public_url: str = Field(
        "", description="Address under which callers reach the server, when a proxy stands before it"
    )
