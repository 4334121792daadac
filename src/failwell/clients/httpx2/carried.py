"""What the requests of one attempt carried: of all of it, what is secret is shown nowhere."""

from __future__ import annotations

import httpx2

from failwell.model import Headers


def carried(
    asked: httpx2.Request, response: httpx2.Response | None, other: httpx2.Request | None = None
) -> Headers:
    """The header fields of the request and of each one that a redirect or an auth scheme made of
    it (`last-…` are those of the last), which may carry other credentials; with them their URLs,
    the secrets in a form of parts, and where the answer leads to."""
    from failwell.clients import parts

    answers = [] if response is None else [*response.history, response]
    made = [answer.request for answer in answers] + ([] if other is None else [other])
    fields: dict[str, str] = {}
    for left, request in enumerate(reversed(made)):
        if request is not asked:
            hop = f"hop-{left}" if left else "last"
            fields[f"{hop}-url"] = str(request.url)
            fields |= {f"{hop}-{name}": value for name, value in request.headers.items()}
    if response is not None and "location" in response.headers:
        fields["location-url"] = response.headers["location"]
    return parts.carried({**fields, **asked.headers} if fields else asked.headers, asked.stream)
