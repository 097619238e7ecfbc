"""Handlers that send to named people: `/1/send/*`, and external triggers of published campaigns."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fakes.clevertap.contents import prepare_content
from fakes.clevertap.control_groups import Control
from fakes.clevertap.errors import malformed_request, refused
from fakes.clevertap.rules import External
from fakes.clevertap.wire import json_answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from aiohttp import web

    from fakes.clevertap.dashboard import Account, Dashboard
    from fakes.clevertap.gate import Gate
    from fakes.clevertap.profiles import Profile
    from fakes.clevertap.running import RunningCampaign
    from fakes.kit import Call

__all__ = ["NamedSends"]

_MOST_PEOPLE: Final = 1000
_MOST_CAMPAIGNS: Final = 5
_MOST_TAGS: Final = 1000
_NONE: Final = Control(system=False)
"""Whoever is named is meant; control groups are for campaigns."""
_QUEUED: Final = {"status": "success", "message": "Added to queue for processing"}
_MODES: Final = {
    "sendPush": "push",
    "sendEmail": "email",
    "sendSms": "sms",
    "sendWebPush": "webpush",
    "sendWhatsApp": "whatsapp",
}
_KINDS: Final = ("identity", "email", "objectid", "fbid", "gpid")


class NamedSends:
    """Has the account's sender send to people whom the call names.

    Args:
        account: Knows the people.
        gate: Lets calls in.
        dashboard: Gives the dashboard once there is one: handlers are bound before.
    """

    def __init__(self, account: Account, gate: Gate, dashboard: Callable[[], Dashboard]) -> None:
        self._account = account
        self._gate = gate
        self._dashboard = dashboard
        self._sent: dict[str, RunningCampaign] = {}

    def handlers(self) -> Mapping[str, Callable[[Call], Awaitable[web.Response]]]:
        """Bind the contract's operations."""
        return {
            **{operation: partial(self._send, mode) for operation, mode in _MODES.items()},
            "sendExternalTrigger": self._trigger_one,
            "sendExternalTriggers": self._trigger_many,
        }

    @property
    def sent(self) -> Sequence[RunningCampaign]:
        """What was sent, one campaign for each channel and tag group; of very many tag groups the latest.

        Source: user docs, `campaign-reports`, "Message via Identity campaigns using tag groups".
        """
        return tuple(self._sent.values())

    async def _send(self, mode: str, call: Call) -> web.Response:
        body = await self._gate.read(call)
        people = self._named(body.get("to"))
        tag = body.get("tag_group", "")
        if not isinstance(tag, str):
            raise refused("tag_group needs to be a text")
        running = prepare_content(
            self._dashboard().prepare, mode, tag or f"API {mode}", body=body, control=_NONE
        )
        self._count_in(f"{mode} {tag}", running)
        self._dashboard().send(running, people)
        return json_answer(_QUEUED)

    def _count_in(self, key: str, running: RunningCampaign) -> None:
        lead = self._sent.get(key)
        if lead is not None:
            running.join(lead)
            return
        if len(self._sent) >= _MOST_TAGS:
            del self._sent[next(iter(self._sent))]
        self._sent[key] = running

    async def _trigger_one(self, call: Call) -> web.Response:
        body = await self._gate.read(call)
        return self._trigger(body, [body.get("campaign_id")])

    async def _trigger_many(self, call: Call) -> web.Response:
        body = await self._gate.read(call)
        numbers = body.get("campaign_id_list")
        if not isinstance(numbers, list) or not 1 <= len(numbers) <= _MOST_CAMPAIGNS:
            raise refused(f"campaign_id_list needs to have 1 to {_MOST_CAMPAIGNS} campaign ids")
        return self._trigger(body, numbers)

    def _trigger(self, body: Mapping[str, Any], numbers: Sequence[Any]) -> web.Response:
        people = self._named(body.get("to"))
        external = body.get("ExternalTrigger", {})
        if not isinstance(external, dict):
            raise refused("Invalid ExternalTrigger")
        # All of them are looked up before any is sent, so that a refused call has sent nothing.
        campaigns = [self._triggered(number) for number in numbers]
        for running in campaigns:
            self._dashboard().send(running, people, external=external)
        return json_answer(_QUEUED)

    def _triggered(self, number: Any) -> RunningCampaign:
        """Find a campaign that an API call may send: external ones, and those that nothing else sets off."""
        is_number = isinstance(number, int | str) and not isinstance(number, bool)
        running = self._dashboard().running_by_id(str(number)) if is_number else None
        if running is None or not isinstance(running.campaign.when, External | None):
            raise refused("Invalid campaign id")
        return running

    def _named(self, to: Any) -> list[Profile]:
        """Find the people of `to`, each once, in the order given; unknown ones are passed over."""
        if not isinstance(to, dict) or not to:
            raise malformed_request()
        state = self._account.state
        finders = dict(
            zip(
                _KINDS,
                (
                    state.profile_by_identity,
                    state.profile_by_email,
                    state.profile_by_object_id,
                    state.profile_by_fbid,
                    state.profile_by_gpid,
                ),
                strict=True,
            )
        )
        found: dict[int, Profile] = {}
        asked = 0
        for kind, values in to.items():
            find = finders.get(kind.lower())
            if find is None or not isinstance(values, list):
                raise malformed_request()
            if not all(isinstance(value, str | int) and not isinstance(value, bool) for value in values):
                raise malformed_request()
            asked += len(values)
            for profile in map(find, map(str, values)):
                if profile is not None:
                    found.setdefault(profile.number, profile)
        if not 1 <= asked <= _MOST_PEOPLE:
            raise malformed_request()
        return list(found.values())
