"""Large bodies are sent compressed; failwell's own care for the call sees them as they were."""

from __future__ import annotations

import gzip

import httpx2

from failwell.apis.ionworks.contract import GZIP_THRESHOLD


def compress(request: httpx2.Request) -> None:
    """Compress a JSON body from `GZIP_THRESHOLD` bytes on, as it goes out."""
    size = int(request.headers.get("content-length", "0"))
    is_json = request.headers.get("content-type") == "application/json"
    if size < GZIP_THRESHOLD or not is_json or "content-encoding" in request.headers:
        return
    packed = gzip.compress(request.content, compresslevel=1, mtime=0)
    request.headers["Content-Encoding"] = "gzip"
    request.headers["Content-Length"] = str(len(packed))
    request.stream = httpx2.ByteStream(packed)


async def acompress(request: httpx2.Request) -> None:
    """The same, for an async client."""
    compress(request)
