"""What the adapters have in common that stand at another HTTP library's own seam.

There, an answer of 400 and above is *returned* once failwell has done with it, so that whoever
called goes on reading it in its own way; only a fault is raised. What failwell knows goes along
as an `Account`.
"""

from failwell.clients.asides import fields_aside
from failwell.clients.seam.account import Account, Last, latest, status_for
from failwell.clients.seam.kept import Kept
from failwell.clients.seam.prepared import Prepared
from failwell.clients.seam.settings import DEFAULT, Seam
from failwell.clients.seam.theirs import Theirs
from failwell.clients.seam.trail import Asked, Left, Trail

__all__ = [
    "DEFAULT",
    "Account",
    "Asked",
    "Kept",
    "Last",
    "Left",
    "Prepared",
    "Seam",
    "Theirs",
    "Trail",
    "fields_aside",
    "latest",
    "status_for",
]
