"""Who is reached by a campaign that is made by API, and on which platform."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakes.clevertap.profiles import Profile

__all__ = ["estimates", "is_meant"]


def is_meant(mode: str, profile: Profile, devices: Sequence[str]) -> bool:
    """Say whether somebody has one of the devices asked for; without any, everybody is meant."""
    if mode == "notificationinbox":
        return False
    return not devices or mode != "push" or bool(_platforms(mode, profile, devices, to_all=False))


def _platforms(mode: str, profile: Profile, devices: Sequence[str], *, to_all: bool) -> list[str]:
    """Name the platforms on which somebody is reached, one for each device."""
    channel = {"notificationinbox": "push", "webhook": ""}.get(mode, mode)
    if channel and not profile.is_subscribed(channel):
        return []
    if mode in ("push", "webpush"):
        asked = devices if mode == "push" else ()
        found = profile.reachable(is_web=mode == "webpush", platforms=asked)
        names = ["chrome" if mode == "webpush" else device.platform.lower() for device in found]
        return names if to_all else names[:1]
    if mode in ("sms", "whatsapp") and not profile.phone:
        return []
    if mode == "email" and not profile.email:
        return []
    return [profile.device.platform.lower()]


def estimates(
    mode: str, people: Sequence[Profile], devices: Sequence[str], *, to_all: bool
) -> dict[str, int]:
    """Count who would be reached, by platform, or devices when all of them are; each platform asked for is there."""
    counts = Counter(
        platform for profile in people for platform in _platforms(mode, profile, devices, to_all=to_all)
    )
    asked = devices if mode == "push" else ()
    return {**dict.fromkeys(asked, 0), **dict(sorted(counts.items()))}
