"""The id of the request on every line of the log."""

from __future__ import annotations

import logging

from failwell.server import context


class RequestIds(logging.Filter):
    """Gives each record the id of the request that is being served, as `request_id` ("-" outside
    of one): `handler.addFilter(RequestIds())`, and `%(request_id)s` in the format."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        record.request_id = context.request_id() or "-"
        return True
