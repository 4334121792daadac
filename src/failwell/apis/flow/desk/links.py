"""Links to download a file: signed, for one file, until they expire."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from failwell.apis.flow.access.tokens import TokenExpiredError, TokenInvalidError, Tokens
from failwell.apis.flow.limits import Limits
from failwell.apis.flow.records import Database, DataRow, timestamp
from failwell.apis.flow.refusals import fail, not_found


class Links:
    """The download links of the service."""

    def __init__(self, database: Database, tokens: Tokens, limits: Callable[[], Limits]) -> None:
        self._database = database
        self._tokens = tokens
        self._limits = limits

    def to(self, row: DataRow) -> tuple[str, str]:
        """The path, with its query, to a file's content, and when it expires."""
        lifetime = self._limits().download_link_seconds
        token = self._tokens.sign("download", lifetime, data=row.number)
        expires = self._tokens.read_expiry(token)
        return f"/downloads/{row.number}/{quote(row.filename)}?token={token}", timestamp(expires)

    def opened(self, number: int | None, filename: str, token: str | None) -> DataRow:
        """The file that a link leads to. Raises UNAUTHENTICATED, TOKEN_INVALID, DOWNLOAD_EXPIRED,
        or NOT_FOUND where it is gone."""
        if not token:
            raise fail("UNAUTHENTICATED", message="A download link has a token")
        try:
            claims = self._tokens.read("download", token)
        except TokenExpiredError as error:
            details = {"expired_at": timestamp(error.expired_at)}
            raise fail("DOWNLOAD_EXPIRED", details=details) from None
        except TokenInvalidError:
            raise fail("TOKEN_INVALID") from None
        if claims.get("data") != number:
            raise fail("TOKEN_INVALID", message="This link is for another file")
        row = self._database.one(DataRow, "number = ? AND filename = ?", number, filename)
        if row is None:
            raise not_found("data", number)
        return row
