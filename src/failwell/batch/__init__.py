"""Many calls at once, and large files in pieces: what broke goes on where it broke."""

from failwell.batch.calls import Call, Remainder
from failwell.batch.downloads import adownload, download
from failwell.batch.error import GatherError
from failwell.batch.gathering import agather, gather
from failwell.batch.plans import ChunkPlan, OffsetForm, Piece, Progressed
from failwell.batch.uploads import aupload, upload

__all__ = [
    "Call",
    "ChunkPlan",
    "GatherError",
    "OffsetForm",
    "Piece",
    "Progressed",
    "Remainder",
    "adownload",
    "agather",
    "aupload",
    "download",
    "gather",
    "upload",
]
