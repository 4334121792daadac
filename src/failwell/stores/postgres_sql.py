"""The statements of the store in PostgreSQL."""

from __future__ import annotations

import hashlib

SCHEMA = """
CREATE TABLE IF NOT EXISTS failwell_records (
    key BYTEA PRIMARY KEY,
    record BYTEA,
    ends DOUBLE PRECISION
);
CREATE INDEX IF NOT EXISTS failwell_records_ends ON failwell_records (ends);
"""
INSERT = "INSERT INTO failwell_records (key) VALUES (%s) ON CONFLICT DO NOTHING"
LOCK = "SELECT record, ends FROM failwell_records WHERE key = %s FOR UPDATE"
CLOCK = "SELECT extract(epoch FROM clock_timestamp())::double precision"
UPDATE = "UPDATE failwell_records SET record = %s, ends = %s WHERE key = %s"
DELETE = "DELETE FROM failwell_records WHERE key = %s"
REAP = """
DELETE FROM failwell_records WHERE key IN (
    SELECT key FROM failwell_records WHERE ends <= %s ORDER BY ends LIMIT 1024
    FOR UPDATE SKIP LOCKED
)
"""


def name(key: str) -> bytes:
    """The key as the table spells it: bytes, short enough for an index."""
    spelled = key.encode("utf-8", "surrogatepass")
    if len(spelled) <= 1024:
        return spelled
    return b"sha256:" + hashlib.sha256(spelled).digest()
