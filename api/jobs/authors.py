"""Who asked for a job, looked up anew when it runs."""

from api.jobs.records import Job
from api.keys import LOCAL, OPERATOR, Key, has_keys, key_of_id, operator
from gis.errors import refuse
from gis.store.engine import Store, reading


def author_of(store: Store, job: Job) -> Key:
    """The key that asked for the job, as it is now. Errors: Refusal job_author_gone, store_down."""
    if job.author == OPERATOR:
        return operator(job.author_name)
    with reading(store.world) as connection:
        key = LOCAL if job.author == LOCAL.id else key_of_id(connection, job.author)
        if key is LOCAL and has_keys(connection):  # since then every caller needs one
            key = None
    if key is None:
        raise refuse(
            "job_author_gone",
            f"The key '{job.author_name}' that asked for this job is no longer in use; nothing was done.",
            f"提交该任务的密钥“{job.author_name}”已失效；未执行任何操作。",
            kind="forbidden",
        )
    return key
