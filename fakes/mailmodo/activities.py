"""Takes what happened to a mail to everybody who counts it: the report, the ledger, the webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fakes.kit import WebhookSender, draw_uuid
from fakes.mailmodo.webhooks import (
    Activity,
    ActivityName,
    activity_request,
    campaign_properties,
    retry_policy,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.kit import Fake
    from fakes.mailmodo.campaigns import CounterName
    from fakes.mailmodo.settings import MailmodoSettings
    from fakes.mailmodo.state import Send, State

__all__ = ["Activities"]

_FACTS: Final[Mapping[ActivityName, str]] = {
    ActivityName.SENT: "email_sent",
    ActivityName.OPENED: "email_opened",
    ActivityName.CLICKED: "link_clicked",
    ActivityName.SUBMITTED: "form_submitted",
    ActivityName.MARKED_AS_SPAM: "marked_as_spam",
    ActivityName.BOUNCED: "email_bounced",
    ActivityName.UNSUBSCRIBED: "unsubscribed",
}


class Activities:
    """Records activities and sends their webhooks.

    Attributes:
        url: Where webhooks go; None for nowhere.
    """

    def __init__(self, fake: Fake, *, state: State, settings: MailmodoSettings) -> None:
        self.url: str | None = None
        self._fake = fake
        self._state = state
        self._policy = retry_policy(settings)
        self._sender = WebhookSender(fake)

    def record(
        self,
        name: ActivityName,
        send: Send,
        *,
        counters: tuple[CounterName, ...],
        answers: Mapping[str, Any] | None = None,
        **properties: object,
    ) -> Activity:
        """Record that something happened just now.

        Args:
            name: What happened.
            send: To which mail.
            counters: Which counters of the campaign's report it raises.
            answers: By question; for a submitted form.
            properties: What this activity has beyond the common properties.
        """
        activity = Activity(
            id=draw_uuid(self._fake.surroundings.random),
            name=name,
            at=self._fake.surroundings.now(),
            send=send,
            properties={**campaign_properties(send), **properties},
            answers=answers,
        )
        self._state.tally(send.campaign).count(activity.at, *counters)
        details = {
            **activity.properties,
            "activity_id": activity.id,
            "ref": send.ref,
            "clevertap_id": send.clevertap_id,
        }
        if answers is not None:
            details["answers"] = answers
        self._fake.tell(_FACTS[name], send.contact.email, at=activity.at, **details)
        if self.url is not None:
            self._fake.spawn(self._send(activity, self.url), name=f"webhook {name.value}")
        return activity

    async def _send(self, activity: Activity, url: str) -> None:
        outcome = await self._sender.send(activity_request(activity, url), self._policy)
        if not outcome.is_delivered:
            self._fake.tell(
                "webhook_failed",
                activity.send.contact.email,
                activity_id=activity.id,
                event=activity.name.value,
                status=outcome.status,
                attempts=outcome.attempts,
            )
