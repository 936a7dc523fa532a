"""What watching and backing up one SysReptor takes."""

from __future__ import annotations

from typing import Final

from watchdog.model.rights import Capability, Reach, Right
from watchdog.panels.sysreptor.settings import SysreptorSettings

READS: Final = (Capability.CAP_DAC_READ_SEARCH,)


def _written(settings: SysreptorSettings) -> tuple[Reach, ...]:
    return (Reach(settings.run.directory or settings.backups.path, write=True),)


RIGHTS: Final = (
    Right(
        "backups that lie there", "panels.sysreptor[].backups.path", closed=READS, mount="the directory under its own path, read-only",
        reaches=lambda one: (Reach(one.backups.path),),
    ),
    Right(
        "licence, log, health", "panels.sysreptor[].token_file",
        panel="API token of a system user (Professional), or of a superuser made with `--admin` (Community)",
        on=lambda one: one.token_file is not None, reaches=lambda one: (Reach(one.token_file),),
    ),
    Right(
        "periodic tasks", "panels.sysreptor[].database", panel="PostgreSQL login that may SELECT from tasks_periodictask, and no more",
        on=lambda one: one.database is not None, reaches=lambda one: (Reach(one.database.url_file),),
    ),
    Right(
        "objects in a bucket", "panels.sysreptor[].s3",
        panel="S3 identity with s3:ListBucket, s3:ListBucketMultipartUploads, s3:ListMultipartUploadParts, and no more",
        on=lambda one: one.s3 is not None,
    ),
    Right(
        "run_backup by `exec`", "panels.sysreptor[].run.method", mount="as for Docker, acting, with EXEC; the directory, read and write",
        panel="a Professional licence", on=lambda one: one.run.method == "exec", reaches=_written,
    ),
    Right(
        "run_backup by `api`", "panels.sysreptor[].run.method", mount="the directory, read and write",
        panel="the token's user must be a system user; the panel's BACKUP_KEY; a Professional licence",
        on=lambda one: one.run.method == "api", reaches=_written,
    ),
    Right(
        "quarantine, remove_part", "panels.sysreptor[].allow", closed=(Capability.CAP_DAC_OVERRIDE,), mount="the directory, read and write",
        on=lambda one: bool({"quarantine", "remove_part"} & set(one.allow)),
        reaches=lambda one: (Reach(one.backups.path, write=True),),
    ),
)  # fmt: skip
