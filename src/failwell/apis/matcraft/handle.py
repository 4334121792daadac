"""What the sync and the async handle of a campaign have in common."""

from __future__ import annotations

from failwell.apis.matcraft import answered
from failwell.apis.matcraft.records import CampaignRecord, Reason
from failwell.flows.ending import Finished
from failwell.settings import Policy


class Held:
    """A campaign as of MatCraft's last answer, which is `record`."""

    def __init__(self, record: CampaignRecord) -> None:
        self.record = record

    @property
    def id(self) -> str:
        """Its id, `camp_…`."""
        return self.record.id

    @property
    def name(self) -> str:
        """Its name, which no other campaign of the account has."""
        return self.record.name

    @property
    def status(self) -> str:
        """created, sampling, running, completed, converged, failed or stopped."""
        return self.record.status

    @property
    def job_id(self) -> str | None:
        """The job that runs it; None before it is started."""
        return self.record.job_id

    @property
    def error(self) -> Reason | None:
        """Why it failed; None where it did not."""
        return self.record.error

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} {self.id} {self.status}>"


def campaign_of(ended: Finished) -> CampaignRecord:
    """The campaign that was waited for."""
    return answered.read(ended.response, CampaignRecord)


def patience(policy: Policy) -> float:
    """Seconds of failed looks that a wait bears; none where the caller has turned retries off."""
    return 0.0 if policy.retry is None else 60.0
