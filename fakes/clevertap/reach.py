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
    return not devices or mode != "push" or _platform(mode, profile) in devices


def _platform(mode: str, profile: Profile) -> str:
    """Name the platform on which somebody is reached; empty when they are not."""
    channel = {"notificationinbox": "push", "webhook": ""}.get(mode, mode)
    if channel and not profile.is_subscribed(channel):
        return ""
    if mode == "push":
        with_token = [device for device in profile.devices if device.push_token and device.platform != "Web"]
        latest = max(with_token, key=lambda device: device.last_seen_at, default=None)
        return latest.platform.lower() if latest else ""
    if mode == "webpush":
        return "chrome" if profile.web_push_token else ""
    if mode in ("sms", "whatsapp") and not profile.phone:
        return ""
    if mode == "email" and not profile.email:
        return ""
    return profile.device.platform.lower()


def estimates(mode: str, people: Sequence[Profile], devices: Sequence[str]) -> dict[str, int]:
    """Count who would be reached, by platform; each platform asked for is there."""
    counts = Counter(_platform(mode, profile) for profile in people)
    asked = devices if mode == "push" else ()
    return {
        **dict.fromkeys(asked, 0),
        **{platform: count for platform, count in sorted(counts.items()) if platform},
    }
