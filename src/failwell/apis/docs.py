"""What each re-created system shows of itself: `/openapi.json`, and `/docs` with a table of errors
under each endpoint."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from failwell.apis.openapi import Endpoint
from failwell.contract import Code

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>@title@</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;
padding:0 1rem}table{border-collapse:collapse;width:100%}td,th{border:1px solid #8886;padding:.4rem;
text-align:left;vertical-align:top}</style><h1>@title@</h1>@sections@</html>"""


def page(title: str, sections: Iterable[str]) -> str:
    """The errors of a system as an HTML page, made of a `section` for each endpoint."""
    return _PAGE.replace("@title@", html.escape(title)).replace("@sections@", "".join(sections))


def section(endpoint: Endpoint, text: str, errors: Iterable[Code]) -> str:
    """What an endpoint does, and the entries of the catalogue that it can fail with."""
    title = html.escape(f"{endpoint.method} {endpoint.path}")
    return (
        f"<h2><code>{title}</code></h2><p>{html.escape(text)}</p>"
        f"<table><tr><th>Status<th>Code<th>Means<th>What to do</tr>{''.join(map(_row, errors))}"
        "</table>"
    )


def _row(entry: Code) -> str:
    cells = (str(entry.status), entry.code, entry.means, entry.advice or "")
    return "<tr>" + "".join(f"<td>{html.escape(cell)}" for cell in cells) + "</tr>"


def routes(
    base_path: str,
    document: Callable[[str], dict[str, Any]],
    page: Callable[[], str] | None = None,
) -> list[Route]:
    """`GET /openapi.json`, made by `document` of the system's URL, and `GET /docs` of its page."""

    async def show_openapi(request: Request) -> Response:
        return JSONResponse(document(str(request.base_url).rstrip("/") + base_path))

    shown = [Route(base_path + "/openapi.json", show_openapi)]
    return shown if page is None else [*shown, Route(base_path + "/docs", _showing(page))]


def _showing(page: Callable[[], str]) -> Callable[[Request], Any]:
    async def show_docs(_: Request) -> Response:
        return HTMLResponse(page())

    return show_docs
