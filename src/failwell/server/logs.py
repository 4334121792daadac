"""The ids of the request and of its trace on every line of the log."""

from __future__ import annotations

import logging

from failwell.server import context


class RequestIds(logging.Filter):
    """Gives each record the id of the request that is being served, as `request_id`, and that of
    its trace, as `trace_id` ("-" where there is none): `handler.addFilter(RequestIds())`, and
    `%(request_id)s` in the format."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        request = context.current()
        record.request_id = "-" if request is None else request.request_id
        record.trace_id = (None if request is None else request.trace_id) or "-"
        return True
