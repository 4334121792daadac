"""All that Flow does, put together over one database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from failwell.apis.flow.access.accounts import Accounts
from failwell.apis.flow.access.tokens import Tokens
from failwell.apis.flow.desk.executions import Executions
from failwell.apis.flow.desk.imports import Imports
from failwell.apis.flow.desk.links import Links
from failwell.apis.flow.desk.projects import Projects
from failwell.apis.flow.desk.runs import Runs
from failwell.apis.flow.desk.samples import Samples
from failwell.apis.flow.desk.sharing import Sharing
from failwell.apis.flow.desk.uploads import Uploads
from failwell.apis.flow.limits import Limits
from failwell.apis.flow.records import Database
from failwell.apis.flow.runner.host import Runner


class Desk:
    """What the three interfaces of Flow ask; `folder()` is the service's own."""

    def __init__(
        self,
        database: Database,
        runner: Runner,
        folder: Callable[[], Path],
        limits: Callable[[], Limits],
    ) -> None:
        self.database = database
        self.limits = limits
        tokens = Tokens()
        self.accounts = Accounts(database, tokens, limits)
        self.links = Links(database, tokens, limits)
        self.sharing = Sharing(database)
        self.uploads = Uploads(database, lambda: folder() / "data", limits)
        self.samples = Samples(database, self.sharing, self.uploads)
        self.projects = Projects(database, self.sharing, self.samples)
        runs = Runs(database, self.uploads, lambda: folder() / "work", limits)
        self.executions = Executions(database, self.sharing, self.uploads, runner, runs)
        self.imports = Imports(
            database, self.samples, self.uploads, runner, lambda: folder() / "work"
        )

    def catch_up(self) -> None:
        """Go on with all that has not ended, where database and runner are there again."""
        self.executions.catch_up()
        self.imports.catch_up()
