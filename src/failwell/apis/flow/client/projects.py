"""Projects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from failwell.apis.flow.client import operations
from failwell.apis.flow.client.async_resources import AsyncProject, AsyncSample
from failwell.apis.flow.client.base import AsyncBase, Base
from failwell.apis.flow.client.facts import Permission
from failwell.apis.flow.client.resources import Project, Sample


class Projects(Base):
    """Projects: found, made, shared, deleted. `project` is one, or its id."""

    def get_projects(self, *, owned: bool = False) -> list[Project]:
        """All projects that you may read, or your own."""
        return self._all_bound(operations.get_projects(Project, owned=owned))

    def get_project(self, project: object) -> Project:
        """The project as it is now."""
        return self._bound(operations.get_project(Project, project))

    def create_project(
        self,
        name: str,
        organism: str | None = None,
        *,
        description: str | None = None,
        is_public: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Project:
        """A new project. Raises `ConflictError` where you have one of that name."""
        body = _body(name, organism, description, is_public)
        return self._bound(operations.create_project(Project, body, idempotency_key))

    def get_project_samples(self, project: object) -> list[Sample]:
        """The samples of a project."""
        return self._all_bound(operations.project_samples(Sample, project))

    def share_project(
        self, project: object, users: Sequence[object], permission: Permission = "read"
    ) -> None:
        """Let these users, by their names, do so much with it and its samples."""
        self._run(operations.share("projects", project, users, permission))

    def delete_project(self, project: object) -> None:
        """Delete it; its samples stay."""
        self._run(operations.delete_project(project))


class AsyncProjects(AsyncBase):
    """Projects: see `Projects`."""

    async def get_projects(self, *, owned: bool = False) -> list[AsyncProject]:
        """All projects that you may read, or your own."""
        return await self._all_bound(operations.get_projects(AsyncProject, owned=owned))

    async def get_project(self, project: object) -> AsyncProject:
        """The project as it is now."""
        return await self._bound(operations.get_project(AsyncProject, project))

    async def create_project(
        self,
        name: str,
        organism: str | None = None,
        *,
        description: str | None = None,
        is_public: bool | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncProject:
        """A new project."""
        body = _body(name, organism, description, is_public)
        return await self._bound(operations.create_project(AsyncProject, body, idempotency_key))

    async def get_project_samples(self, project: object) -> list[AsyncSample]:
        """The samples of a project."""
        return await self._all_bound(operations.project_samples(AsyncSample, project))

    async def share_project(
        self, project: object, users: Sequence[object], permission: Permission = "read"
    ) -> None:
        """Let these users, by their names, do so much with it and its samples."""
        await self._run(operations.share("projects", project, users, permission))

    async def delete_project(self, project: object) -> None:
        """Delete it; its samples stay."""
        await self._run(operations.delete_project(project))


def _body(
    name: str, organism: str | None, description: str | None, is_public: bool | None
) -> dict[str, Any]:
    return {
        "name": name,
        "organism": organism,
        "description": description,
        "is_public": is_public,
    }
