"""The code samples of Flow's guide, run as they stand there: what had to be repaired is a table.

The guide does not ship with failwell. Where it is not at hand, `SHIPPED` says the same in other
words.
"""

from __future__ import annotations

import datetime
import json
import random
import sys
import time
import uuid
from pathlib import Path
from types import ModuleType
from typing import Any

from failwell.apis.flow import exceptions

SEED = Path(__file__).parents[4] / "shared" / "seeds" / "flow.txt"

SAMPLES = {
    "handling": ("from flowbio.exceptions import (", "REST API Error Handling"),
    "rest": ("import requests", "GraphQL Error Handling"),
    "graphql": ("async function graphqlRequest(query, variables) {", "Retry Strategies"),
    "retry": ("def exponential_backoff_retry(", "Idempotent Requests"),
    "idempotent": ("def make_idempotent_request(", "Rate Limiting"),
    "limits": ("class RateLimitHandler:", "Error Recovery"),
    "recovery": ("class ResilientClient:", "Transaction Rollback"),
    "transaction": ("class TransactionalOperation:", "Error Logging"),
    "logging": ("import logging", "Best Practices"),
    "specific": ("# Good - specific error handling", "2. Provide User-Friendly Messages"),
    "friendly": ("def user_friendly_error(error):", "3. Implement Circuit Breaker"),
    "breaker": ("class CircuitBreaker:", "4. Log Errors for Debugging"),
    "context": ("def log_error_context(", "Next Steps"),
}
"""Where each sample begins and which heading follows it."""

SUPPLIED: dict[str, Any] = {
    "time": time,
    "random": random,
    "json": json,
    "uuid": uuid,
    "datetime": datetime.datetime,
    "DEBUG": False,
    **{
        name: getattr(exceptions, name)
        for name in (
            "AuthenticationError", "PermissionError", "ValidationError", "NotFoundError",
            "RateLimitError", "ServerError",
        )
    },
}  # fmt: skip
"""The repair that the Python samples need: imports and names that they leave out. None of them had
to be re-indented, stripped of line numbers or filled in."""

ENDS = "# Usage"
"""What follows in a sample uses what stands before it."""


def text_of(name: str) -> str:
    """A sample, as the guide has it; without the guide, the shipped one."""
    if not SEED.exists():
        return SHIPPED[name]
    begins, follows = SAMPLES[name]
    lines = SEED.read_text("utf-8").splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith(begins))
    last = next(at for at, line in enumerate(lines) if at > first and line.strip() == follows)
    return "\n".join(lines[first:last])


def guide(*names: str, usage: bool = True, **supplied: Any) -> dict[str, Any]:
    """What the samples of these names define, run with the names that they leave out."""
    space: dict[str, Any] = {**SUPPLIED, **supplied}
    package, module = ModuleType("flowbio"), exceptions
    before = {name: sys.modules.get(name) for name in ("flowbio", "flowbio.exceptions")}
    sys.modules |= {"flowbio": package, "flowbio.exceptions": module}
    try:
        for name in names:
            text = text_of(name)
            text = text if usage else text.partition(ENDS)[0]
            exec(compile(text, f"<{name} of the guide>", "exec"), space)
    finally:
        for name, known in before.items():
            if known is None:
                del sys.modules[name]
            else:
                sys.modules[name] = known
    return space


SHIPPED = {
    "handling": '''
def safe_api_call():
    try:
        client.get_sample(12345).share(users=["colleague"], permission="read")
    except AuthenticationError as e:
        if e.code == "TOKEN_EXPIRED":
            client.refresh_token()
        else:
            print(f"Authentication failed: {e.message}")
    except PermissionError as e:
        print(f"Permission denied: {e.message}")
        print(f"Required permission: {e.required_permission}")
    except ValidationError as e:
        print(f"Validation failed: {e.message}")
        for issue in e.errors:
            print(f"  {issue['field']}: {issue['message']}")
    except NotFoundError as e:
        print(f"Resource not found: {e.resource_type} {e.resource_id}")
    except RateLimitError as e:
        print(f"Rate limited. Retry after {e.retry_after} seconds")
        time.sleep(e.retry_after)
    except ServerError as e:
        print(f"Server error: {e.message}")
        print(f"Request ID: {e.request_id}")
''',
    "rest": '''
import requests

def make_api_request(endpoint, method="GET", data=None):
    found = requests.request(
        method, f"https://api.flow.bio{endpoint}", json=data,
        headers={"Authorization": f"Bearer {token}"},
    )
    if found.ok:
        return found.json()
    error = found.json()["error"]
    hooks = {401: handle_auth_error, 403: handle_permission_error, 404: handle_not_found_error}
    if found.status_code in hooks:
        hooks[found.status_code](error)
    elif found.status_code == 429:
        handle_rate_limit(found.headers)
    else:
        print(f"API Error: {error['message']}")
''',
    "graphql": '''
async function graphqlRequest(query, variables) {
  const answer = await fetch("https://api.flow.bio/graphql", {
    method: "POST",
    headers: {Authorization: `Bearer ${token}`, "Content-Type": "application/json"},
    body: JSON.stringify({query, variables}),
  });
  const {data, errors} = await answer.json();
  if (errors) handleGraphQLErrors(errors);
  return errors ? null : data;
}
function handleGraphQLErrors(errors) {
  for (const error of errors) {
    const code = error.extensions?.code;
    if (code === "UNAUTHENTICATED") console.error("Authentication required");
    else if (code === "NOT_FOUND") console.error(`Resource not found: ${error.message}`);
    else if (code === "VALIDATION_ERROR") {
      console.error("Validation errors:", error.extensions.details);
    } else console.error(`GraphQL error: ${error.message}`);
  }
}
''',
    "idempotent": '''
def make_idempotent_request(operation, idempotency_key=None):
    key = idempotency_key or str(uuid.uuid4())
    found = requests.post(
        "https://api.flow.bio/samples/create", json=operation,
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": key},
    )
    if found.status_code == 409:
        return found.json()["result"]
    found.raise_for_status()
    return found.json()
''',
    "limits": '''
rate_limiter = RateLimitHandler()
rate_limiter.update_from_headers(make_api_request("/samples").headers)
if rate_limiter.should_throttle():
    time.sleep(rate_limiter.get_delay())
''',
    "transaction": '''
transaction = TransactionalOperation(client)
sample = project = None
transaction.add_operation(
    lambda: client.create_sample(name="Test Sample", organism="human"),
    lambda: sample.delete() if sample else None,
)
transaction.add_operation(
    lambda: client.create_project(name="Test Project", organism="human"),
    lambda: project.delete() if project else None,
)
results = transaction.execute()
''',
    "logging": '''
logger = StructuredErrorLogger("flow-api")
try:
    sample = client.get_sample(12345)
except Exception as e:
    logger.log_api_error(e, context={
        "operation": "get_sample", "sample_id": 12345, "user": client.current_user,
    })
''',
    "specific": '''
try:
    result = api_call()
except AuthenticationError:
    refresh_token_and_retry()
except PermissionError as e:
    request_access_from_owner(e.resource_id)
except ValidationError as e:
    fix_validation_issues(e.errors)
except Exception as e:
    log_unexpected_error(e)
    raise
''',
}  # fmt: skip
"""The samples that use the client, in our own words; the others only define what `patterns` has,
and its tests run them."""
