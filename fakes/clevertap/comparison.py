"""Keeps a control group out of a campaign, and counts who is in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fakes.clevertap.control_groups import CAMPAIGN_GROUP

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakes.clevertap.control_groups import ControlGroups
    from fakes.clevertap.conversions import Conversions
    from fakes.clevertap.profiles import Profile
    from fakes.clevertap.running import Qualification, RunningCampaign

__all__ = ["Comparison"]


class Comparison:
    """Those who get a campaign, against those who do not.

    Args:
        tell: Takes facts.
        groups: The account's control groups.
        conversions: Counts who converts, of both.
    """

    def __init__(self, tell: Callable[..., None], groups: ControlGroups, conversions: Conversions) -> None:
        self._tell = tell
        self._groups = groups
        self._conversions = conversions

    def left_in(self, qualification: Qualification) -> Qualification | None:
        """Give what is left of a qualification without the control groups; None when nobody is."""
        running = qualification.running
        people = tuple(
            profile for profile in qualification.profiles if not self._is_kept_out(running, profile.current)
        )
        if len(people) == len(qualification.profiles):
            return qualification
        return replace(qualification, profiles=people) if people else None

    def _is_kept_out(self, running: RunningCampaign, profile: Profile) -> bool:
        campaign = running.campaign
        own = f"campaign {running.id}"
        group = self._groups.group_of(profile, campaign.control, own=own, label=CAMPAIGN_GROUP)
        if not group:
            return False
        running.statistics.controlled[group] += 1
        self._conversions.begin(running, profile, group)
        self._tell("kept_as_control", profile.subject, campaign=campaign.name, group=group)
        return True
