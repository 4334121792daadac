"""What can be done about a write of which nobody knows whether it took effect?"""

from __future__ import annotations

from failwell.contract import Contract
from failwell.model import Sent


def advice(
    contract: Contract, sent: Sent, *, findable: bool, unfindable: str | None = None
) -> str | None:
    """What its caller can do, where that is not what anybody can: to call `client.settle`.

    `findable` says that the contract has a question whose answer shows the record, `unfindable` why
    there is none for this one.
    """
    if unfindable is not None:
        return (
            f"It may have taken effect, and it cannot be looked up: {unfindable}. Do not send it "
            "again blindly; look for the record yourself."
        )
    if findable or (sent.key is not None and contract.idempotency.trusted):
        return None
    if sent.method == "DELETE":
        return (
            "It may have taken effect: look whether it is still there. Soon after, "
            "client.settle(error) sends it again, which does no harm."
        )
    if contract.repeats(sent.method, sent.url):
        return None
    return (
        "It may have taken effect: do not send it again blindly. Look for the record yourself, for "
        f"{_named(contract)} gives no way to ask: no key that it honours, and no look-up."
    )


def _named(contract: Contract) -> str:
    """The API inside a sentence."""
    return contract.name if contract.title.lower() == contract.name.lower() else contract.title
