"""The route of an ASGI request: its path with names in the place of ids, for the journal."""

from __future__ import annotations

from failwell.server.types import Scope


def template(scope: Scope) -> str | None:
    """The path as the routers had it that Starlette, and what is built on it, leaves in the scope;
    None where no route was found, or by a framework of another kind.

    Source: https://starlette.dev/routing/ (`scope["route"]`, `root_path` of mounted apps).
    """
    route = scope.get("route")
    path = getattr(route, "path", None)
    if not isinstance(path, str) or not hasattr(route, "endpoint"):
        return None
    names = {str(value): name for name, value in scope.get("path_params", {}).items()}
    steps = [f"{{{names[step]}}}" if step in names else step for step in _before(path, scope)]
    return "/".join(steps) + path


def _before(path: str, scope: Scope) -> list[str]:
    """The steps that lead to a route: of mounted apps, and of routers inside routers, whose routes
    do not know their prefix."""
    if ":path}" not in path:
        asked: str = scope["path"]
        return asked.split("/")[: -path.count("/")]
    root: str = scope.get("root_path", "")
    return root.removeprefix(scope.get("app_root_path", root)).split("/")
