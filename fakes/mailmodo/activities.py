"""Takes what happened to a mail to everybody who counts it: the report, the ledger, the webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fakes.kit import WebhookSender, draw_uuid
from fakes.mailmodo.webhooks import (
    Activity,
    ActivityName,
    activity_request,
    campaign_properties,
    json_request,
    retry_policy,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fakes.kit import Fake, WebhookRequest
    from fakes.mailmodo.campaigns import CounterName
    from fakes.mailmodo.settings import MailmodoSettings
    from fakes.mailmodo.state import Send, State
    from fakes.mailmodo.submissions import Submission
    from fakes.mailmodo.webhooks import Part

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
        listeners: Told of every activity once it is recorded.
        step_listeners: Told of every answered step of a form but the last, with its number from 0.
    """

    def __init__(self, fake: Fake, *, state: State, settings: MailmodoSettings) -> None:
        self.url: str | None = None
        self.listeners: list[Callable[[Activity], None]] = []
        self.step_listeners: list[Callable[[Submission, int], None]] = []
        self._settings = settings
        self._fake = fake
        self._state = state
        self._sender = WebhookSender(fake)

    def record(
        self,
        name: ActivityName,
        send: Send,
        *,
        counters: tuple[CounterName, ...],
        submission: Submission | None = None,
        part: Part | None = None,
        **properties: object,
    ) -> Activity:
        """Record that something happened just now.

        Args:
            name: What happened.
            send: To which mail.
            counters: Which counters of the campaign's report it raises.
            submission: For a submitted form.
            part: In which part of the mail.
            properties: What this activity has beyond the common properties.
        """
        activity = Activity(
            id=draw_uuid(self._fake.surroundings.random),
            name=name,
            at=self._fake.surroundings.now(),
            send=send,
            properties={**campaign_properties(send), **properties},
            submission=submission,
            part=part,
        )
        self._state.tally(send.campaign).count(activity.at, *counters)
        details = {
            **activity.properties,
            "activity_id": activity.id,
            "ref": send.ref,
            "clevertap_id": send.clevertap_id,
        }
        if submission is not None:
            details["answers"] = submission.by_question
        self._fake.tell(_FACTS[name], send.contact.email, at=activity.at, **details)
        if self.url is not None:
            self._fake.spawn(self._send(activity, self.url), name=f"webhook {name.value}")
        for listener in self.listeners:
            listener(activity)
        return activity

    def record_step(self, submission: Submission, number: int) -> None:
        """Record that a step of a form was answered which is not the last: no activity, but journeys may begin."""
        self._fake.tell(
            "form_step_submitted",
            submission.send.contact.email,
            ref=submission.send.ref,
            form_id=submission.form.id,
            step=number + 1,
            answers=submission.by_question,
        )
        for listener in self.step_listeners:
            listener(submission, number)

    def record_submission(self, submission: Submission) -> None:
        """Record that a form was answered, and export the answers where the form says so."""
        form = submission.form
        self.record(
            ActivityName.SUBMITTED,
            submission.send,
            counters=("submission",),
            submission=submission,
            part="amp" if submission.type == "AMP" else "html",
            form_id=form.id,
            form_name=form.name,
            submission_type=submission.type,
        )
        if form.export_url:
            payload = submission.export(utc_offset_minutes=self._settings.utc_offset_minutes)
            request = json_request("formExport", form.export_url, payload)
            self._fake.spawn(self._export(submission, request), name=f"form export {submission.response_id}")

    async def _export(self, submission: Submission, request: WebhookRequest) -> None:
        outcome = await self._sender.send(request, retry_policy(self._settings))
        if not outcome.is_delivered:
            self._fake.tell(
                "form_export_failed",
                submission.send.contact.email,
                response_id=submission.response_id,
                status=outcome.status,
                attempts=outcome.attempts,
            )

    async def _send(self, activity: Activity, url: str) -> None:
        outcome = await self._sender.send(activity_request(activity, url), retry_policy(self._settings))
        if not outcome.is_delivered:
            self._fake.tell(
                "webhook_failed",
                activity.send.contact.email,
                activity_id=activity.id,
                event=activity.name.value,
                status=outcome.status,
                attempts=outcome.attempts,
            )
