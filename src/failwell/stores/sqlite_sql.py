"""The statements of the store in SQLite."""

from __future__ import annotations

SCHEMA = """
CREATE TABLE IF NOT EXISTS failwell_records (
    key TEXT PRIMARY KEY,
    record BLOB NOT NULL,
    ends REAL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS failwell_records_ends ON failwell_records (ends);
"""
READ = "SELECT record, ends FROM failwell_records WHERE key = ?"
LOCK = READ
WRITE = """
INSERT INTO failwell_records (key, record, ends) VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET record = excluded.record, ends = excluded.ends
"""
UPDATE = "UPDATE failwell_records SET record = ?, ends = ? WHERE key = ?"
DELETE = "DELETE FROM failwell_records WHERE key = ?"
REAP = """
DELETE FROM failwell_records WHERE key IN
    (SELECT key FROM failwell_records WHERE ends <= ? ORDER BY ends LIMIT 1024)
"""


def name(key: str) -> str:
    """The key as the table spells it."""
    return key
