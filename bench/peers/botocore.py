"""botocore: the AWS SDK's standard retries, with a quota of retries for each client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import botocore.session
from botocore.config import Config

from bench.peers import Read


@contextmanager
def budgeted(url: str) -> Iterator[Read]:
    """A read of a service whose wire is plain JSON; what a 503 makes it wait is short as it
    comes: 50 ms, then 100 ms, jittered."""
    client = botocore.session.Session().create_client(
        "lambda",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="bench",
        aws_secret_access_key="bench",
        config=Config(retries={"mode": "standard"}, proxies={}),
    )
    try:
        yield client.list_functions
    finally:
        client.close()
