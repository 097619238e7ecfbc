"""The calls that the bridge makes: whom, and what of a body the call's guarantee rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bridge.destinations import clevertap, mailmodo, segment
from bridge.engagement import SourceName

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CALLS", "CallKind"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallKind:
    """One operation of a vendor.

    Attributes:
        destinations: Which destinations it is an operation of.
        needs: Keys that every body has: ids and times by which a repeat is the same, addresses that keep order.
        type: What `type` of the body is, where it has one.
        told_apart_by: Those of the keys that differ for each engagement.
        has_campaign: Whether it is about a campaign.
    """

    destinations: tuple[str, ...]
    needs: tuple[str, ...]
    type: str = ""
    told_apart_by: tuple[str, ...] = ()
    has_campaign: bool = False


CALLS: Final[Mapping[str, CallKind]] = {
    clevertap.UPLOAD: CallKind(
        destinations=(clevertap.NAME,),
        needs=("type", "evtName", "ts"),
        type="event",
        told_apart_by=("ts",),
    ),
    segment.TRACK: CallKind(
        destinations=tuple(
            segment.destination_name(source)
            for source in (SourceName.MAILMODO, SourceName.MAILJET, SourceName.CUSTOMERIO)
        ),
        needs=("type", "messageId", "timestamp"),
        type="track",
        told_apart_by=("messageId", "timestamp"),
    ),
    mailmodo.TRIGGER: CallKind(destinations=(mailmodo.NAME,), needs=("email",), has_campaign=True),
    mailmodo.ADD_TO_LIST: CallKind(destinations=(mailmodo.NAME,), needs=("email", "listName")),
    mailmodo.ADD_EVENT: CallKind(
        destinations=(mailmodo.NAME,), needs=("email", "event_name", "ts"), told_apart_by=("ts",)
    ),
}
"""By the operation's name."""
