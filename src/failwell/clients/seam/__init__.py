"""What the adapters have in common that stand at another HTTP library's own seam.

There, an answer of 400 and above is *returned* once failwell has done with it, so that whoever
called goes on reading it in its own way; only a fault is raised. What failwell knows goes along
as an `Account`.
"""

from failwell.clients.seam.account import Account, Last, latest, status_for
from failwell.clients.seam.aside import fields_aside
from failwell.clients.seam.kept import Kept
from failwell.clients.seam.repeated import leave_key
from failwell.clients.seam.settings import DEFAULT, Seam, course, is_same_write
from failwell.clients.seam.theirs import Theirs

__all__ = [
    "DEFAULT",
    "Account",
    "Kept",
    "Last",
    "Seam",
    "Theirs",
    "course",
    "fields_aside",
    "is_same_write",
    "latest",
    "leave_key",
    "status_for",
]
