"""`failwell docs` and `failwell ddl`: what an author publishes, and what a database needs.

Both are taken from where the code takes them.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from failwell.apis.toolpath import TOOLPATH
from failwell.cli.app import app
from failwell.policy.idempotency import Claim, Run
from failwell.stores.postgres import PostgresStore
from failwell.stores.sqlite import SQLiteStore

OWN = """
from failwell import Code, Contract, Idempotency, Outcome, RequestIds
from failwell.dialects import Problem

SHOP = Contract(
    name="shop",
    dialect=Problem(),
    codes=(
        Code(code="gone", status=410, means="Sold | lost."),
        Code(code="clash", status=409),
        Code(code="other", status=422),
        Code(code="failed", status=500, proves=Outcome.ROLLED_BACK),
        Code(code="malformed", status=400),
    ),
    idempotency=Idempotency.ietf("clash", "other", missing=("malformed", 400), retention=7200),
)
BARE = Contract(name="bare", dialect=Problem(), request_ids=RequestIds(header="X-Trace"))
NO_CONTRACT = 7
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module with contracts, in the current directory."""
    (tmp_path / "shop_of_the_docs.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return "shop_of_the_docs"


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    app(list(words), result_action="return_value")
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_every_code_is_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Each entry of the catalogue is a row, by status, with what it means and what to do."""
    rows = [line for line in told(capsys, "docs", "toolpath").splitlines() if line[:3] == "| 4"]
    wanted = sorted((e for e in TOOLPATH.codes if e.status < 500), key=lambda e: e.status)
    assert len(rows) == len(wanted)
    for row, entry in zip(rows, wanted, strict=True):
        assert row.startswith(f"| {entry.status} ")
        assert f"`{entry.code}`" in row
        assert entry.means in row
        assert (entry.advice or "") in row
        assert row.count(" | ") == 5


def test_what_is_proven_and_what_may_be_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    """A row says what it proves of a write, and whether to try again."""
    page = told(capsys, "docs", "toolpath")
    assert "| it was rolled back | yes |" in page
    assert "| nothing | reads, DELETE, PUT, and writes with their key |" in page
    for word in ("not_started", "rolled_back", "applied", "partially_applied", "unknown"):
        assert f"| `{word}` |" in page


def test_ids_keys_and_limits(capsys: pytest.CaptureFixture[str]) -> None:
    """The page has the contract's own header names and rules."""
    page = told(capsys, "docs", "toolpath")
    assert "`X-Request-Id`" in page
    assert r"`[\x21-\x7e]{1,128}`" in page
    assert "DELETE, POST, PUT must carry a key in `Idempotency-Key`" in page
    assert "kept for 24 hours" in page
    assert "malformed or missing: 400 `invalid_request`" in page
    assert "Retry-After" in page


def test_a_contract_of_ones_own(capsys: pytest.CaptureFixture[str], own: str) -> None:
    """`module:NAME` is read from the current directory; the profile's codes are in the rules."""
    page = told(capsys, "docs", f"{own}:SHOP")
    assert page.startswith("# Errors of Shop\n")
    assert r"Sold \| lost." in page
    assert "Another request with a used key: 422 `other`" in page
    assert "still running: 409 `clash`" in page
    assert "kept for 2 hours" in page
    assert "## Limits" not in page


def test_an_api_without_keys(capsys: pytest.CaptureFixture[str], own: str) -> None:
    """Where keys are not honoured, the page says not to trust them."""
    page = told(capsys, "docs", f"{own}:BARE")
    assert "does not tell a repeated write from a new one" in page
    assert "`X-Trace`" in page


@pytest.mark.parametrize(
    "name", ["nobody", "no_such_module:X", "shop_of_the_docs:X", "shop_of_the_docs:NO_CONTRACT"]
)
def test_what_is_no_contract(own: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says what is wrong with the name."""
    assert app(["docs", name], result_action="return_value") == 2
    said = capsys.readouterr().err
    assert said.startswith("failwell: ")
    assert name.partition(":")[0] in said
    assert said.count("\n") == 1


CLAIM = Claim(fingerprint="f", token="t", lease=9, retention=9)


def test_the_table_for_sqlite(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The statements make a table that the store works with."""
    path = tmp_path / "own.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(told(capsys, "ddl", "sqlite"))
        connection.commit()
    with closing(SQLiteStore(str(path))) as store:
        assert isinstance(store.update("key", CLAIM), Run)


def test_the_table_for_postgresql(capsys: pytest.CaptureFixture[str], postgres_url: str) -> None:
    """The statements make a table that the store works with, and may be run again."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for _ in range(2):
            for statement in told(capsys, "ddl", "postgresql").split(";"):
                if statement.strip():
                    connection.execute(statement.encode())
    with closing(PostgresStore(postgres_url)) as store:
        assert isinstance(store.update(f"key of {__name__}", CLAIM), Run)


def test_no_other_database(capsys: pytest.CaptureFixture[str]) -> None:
    """One line says which there are."""
    with pytest.raises(SystemExit, match="2"):
        app(["ddl", "oracle"], result_action="return_value")
    said = capsys.readouterr().err
    assert 'Choose from: "sqlite", "postgresql"' in said
    assert said.count("\n") == 1
