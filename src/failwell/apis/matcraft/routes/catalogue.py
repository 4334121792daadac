"""What stands ready: templates, and the domains' own evaluation."""

from __future__ import annotations

from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

from failwell.apis.matcraft.answers import answer, asked_page, invalid, page_of, unknown
from failwell.apis.matcraft.contract import MATCRAFT
from failwell.apis.matcraft.domains import DOMAINS
from failwell.apis.matcraft.engine.evaluation import EvaluationError, properties
from failwell.apis.matcraft.mdl.fields import is_number
from failwell.apis.matcraft.state.keys import Key
from failwell.apis.matcraft.submissions import decoded
from failwell.apis.matcraft.templates import TEMPLATES


async def list_templates(request: Request, _: Key) -> Response:
    """GET /templates"""
    page = asked_page(request, ("name",))
    rows = sorted(TEMPLATES.values(), key=lambda one: one["name"], reverse=page.descending)
    first = (page.number - 1) * page.size
    return page_of(rows[first : first + page.size], len(rows), page)


async def get_template(request: Request, _: Key) -> Response:
    """GET /templates/{id}"""
    identifier: str = request.path_params["id"]
    if identifier not in TEMPLATES:
        raise unknown("Template", identifier)
    return answer(TEMPLATES[identifier])


async def evaluate(request: Request, _: Key) -> Response:
    """POST /evaluate"""
    body = decoded(await request.body())
    domain, values = body.get("domain"), body.get("parameters")
    if domain is None or values is None:
        raise invalid("domain and parameters are required")
    details = list(_mistakes(domain, values))
    if details:
        message = f"{details[0]['path']}: {details[0]['message']}"
        if len(details) > 1:
            message = f"The evaluation has {len(details)} problems: details list them"
        raise MATCRAFT.fail("VALIDATION_FAILED", message=message, details=details)
    try:
        return answer({"domain": domain, "objectives": properties(domain, values)})
    except EvaluationError as error:
        raise MATCRAFT.fail("EVALUATION_FAILED", message=str(error)) from None


def _mistakes(domain: Any, values: Any) -> list[dict[str, Any]]:
    known = DOMAINS.get(domain) if isinstance(domain, str) else None
    if known is None:
        message = f"Use {', '.join(DOMAINS)}"
        return [{"path": "domain", "message": message, "value": _short(domain)}]
    if not isinstance(values, dict):
        return [{"path": "parameters", "message": "Give numbers by name", "value": _short(values)}]
    given = cast("dict[str, Any]", values)
    return [
        {"path": f"parameters.{name[:64]}", "message": fault, "value": _short(value)}
        for name, value in list(given.items())[:100]
        if (fault := _fault(known.variables, name, value)) is not None
    ]


def _fault(variables: Any, name: str, value: Any) -> str | None:
    if name not in variables:
        return f"Use {', '.join(variables)}" if variables else "This domain has no formulas"
    return None if is_number(value) else "Give a finite number"


def _short(value: Any) -> Any:
    return value if is_number(value) or value is None else str(value)[:100]
