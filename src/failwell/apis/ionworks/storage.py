"""Files, and signed links to them: whoever holds a link may put or get one file, for a while."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import quote

from failwell.apis.ionworks.bodies import too_large
from failwell.apis.ionworks.contract import IONWORKS

SERIES, STEPS = "time_series.parquet", "steps.parquet"


def folder_of(measurement: str) -> str:
    """Where the files of a measurement are kept."""
    return f"measurements/{measurement}"


class Storage:
    """The files below `folder()`. `seconds()` is how long a link is good, `most()` how many bytes
    one file may have."""

    def __init__(
        self, folder: Callable[[], Path], seconds: Callable[[], float], most: Callable[[], int]
    ) -> None:
        self._folder = folder
        self._seconds = seconds
        self._most = most
        self._secret = secrets.token_bytes(32)

    def file(self, path: str) -> Path:
        """Where the file with this path is kept, in a folder that exists."""
        file = self._folder() / "storage" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        return file

    def remove(self, *folders: str) -> None:
        """Delete the files below these folders."""
        for folder in folders:
            shutil.rmtree(self._folder() / "storage" / folder, ignore_errors=True)

    def link(self, origin: str, method: str, path: str) -> tuple[str, str]:
        """The signed URL to put or get a file, and the token in it."""
        until = f"{time.time() + self._seconds():.3f}"
        token = f"{until}-{self._sign(method, path, until)}"
        return f"{origin}/storage/{quote(path)}?token={token}", token

    def check(self, method: str, path: str, token: str) -> None:
        """Raises the 403 for a token that is not of this link, the 410 for one that is over."""
        until, _, signature = token.partition("-")
        expected = self._sign(method, path, until)
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            raise IONWORKS.fail("FORBIDDEN", message="This link is not signed for this file")
        if float(until) < time.time():
            raise IONWORKS.fail("GONE", message="This link has expired: ask for a new one")

    def _sign(self, method: str, path: str, until: str) -> str:
        said = f"{method} {path} {until}".encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, said, hashlib.sha256).hexdigest()

    async def put(self, path: str, chunks: AsyncIterator[bytes]) -> int:
        """Keep a file; it is there whole or not at all. How many bytes it has.

        Raises the 413 for a file that is too large.
        """
        target, size, most = self.file(path), 0, self._most()
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as part:
            try:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > most:
                        raise too_large(most)
                    part.write(chunk)
                part.flush()
                Path(part.name).rename(target)
            except BaseException:
                Path(part.name).unlink(missing_ok=True)
                raise
        return size
