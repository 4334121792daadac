"""The ids of a request on the lines that are logged while it is served."""

from __future__ import annotations

import asyncio
import io
import logging
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from failwell.contract import Contract
from failwell.sandbox.wire import running
from failwell.server.asgi import wrap
from failwell.server.logs import RequestIds

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_every_line_has_the_ids_of_its_request(shop_contract: Contract) -> None:
    """Lines of one request carry its own ids, in threads too; others carry a dash."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.addFilter(RequestIds())
    handler.setFormatter(logging.Formatter("%(request_id)s %(trace_id)s %(message)s"))
    logger = logging.getLogger("test.of.a.shop")
    logger.addHandler(handler)
    logger.propagate = False

    async def serve(request: Request) -> Response:
        await asyncio.to_thread(logger.warning, "served")
        return Response()

    app: Any = wrap(Starlette(routes=[Route("/", serve)]), shop_contract)
    with running(app) as url:
        fields = {"X-Request-Id": "one", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        httpx2.get(url, headers=fields, trust_env=False)
        httpx2.get(url, headers={"X-Request-Id": "two"}, trust_env=False)
    logger.warning("alone")
    logger.removeHandler(handler)
    assert lines.getvalue().splitlines() == [f"one {TRACE} served", "two - served", "- - alone"]
