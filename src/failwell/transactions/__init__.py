"""Several writes as one: what took effect is undone where a later one fails."""

from failwell.transactions.active import AsyncTransaction, Transaction
from failwell.transactions.declared import Declared
from failwell.transactions.open import transaction
from failwell.transactions.operation import TransactionalOperation
from failwell.transactions.recovery import Recovery, forget, recover

__all__ = [
    "AsyncTransaction",
    "Declared",
    "Recovery",
    "Transaction",
    "TransactionalOperation",
    "forget",
    "recover",
    "transaction",
]
