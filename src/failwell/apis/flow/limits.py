"""What the Flow service allows."""

from __future__ import annotations

from typing import Annotated

import msgspec

GIB = 1024**3
MIB = 1024**2


class Limits(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Times in seconds, sizes in bytes, memory in MiB.

    Changed lifetimes hold for what is signed from then on. `concurrent_executions` of 0 lets
    executions wait.
    """

    requests_per_hour: Annotated[int, msgspec.Meta(ge=1)] = 1000
    access_token_seconds: Annotated[int, msgspec.Meta(ge=0, le=10**9)] = 30 * 60
    refresh_token_seconds: Annotated[int, msgspec.Meta(ge=0, le=10**9)] = 365 * 86400
    download_link_seconds: Annotated[int, msgspec.Meta(ge=0, le=10**9)] = 3600
    max_upload_bytes: Annotated[int, msgspec.Meta(ge=1)] = 50 * GIB
    max_chunk_bytes: Annotated[int, msgspec.Meta(ge=1)] = 50 * MIB
    max_body_bytes: Annotated[int, msgspec.Meta(ge=1)] = MIB
    process_memory_mb: Annotated[int, msgspec.Meta(ge=1)] = 512
    concurrent_executions: Annotated[int, msgspec.Meta(ge=0, le=16)] = 2
