"""How one Mailjet account is set up."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MailjetSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailjetSettings:
    """One API key, its senders, its tracking, and what the vendor leaves open about webhooks.

    Attributes:
        api_key: User name of Basic auth; 32 hex characters.
        secret_key: Password of Basic auth; 32 hex characters.
        api_key_id: The key's own id, `APIKeyID` of a webhook.
        senders: Addresses that may stand in `From`; `*@domain` allows a whole domain.
        may_set_sender: Whether support has approved the use of `Sender`.
        track_opens: The account's setting, to which `account_default` defers.
        track_clicks: Likewise for clicks.
        monitoring_categories: Names that `MonitoringCategory` may take.
        adds_unsubscribe_link: Whether a mail whose HTML places no unsubscribe link gets one at its end.
        webhook_timeout_s: Seconds one try of a webhook may take; unpublished.
        webhook_retry_s: Seconds between tries.
        webhook_window_s: Seconds after the first failure, or the last new event, until the URL is suspended.
        batch_window_s: Seconds over which events for a version 2 webhook are gathered.
        batch_limit: Most events in one version 2 webhook; None for no limit, as nothing is published.
        adds_message_id_text: Whether `sent` events carry the deprecated `mj_message_id`.
        wraps_smtp_reply: Whether `smtp_reply` reads `sent (250 …)`, as in the guide, or `250 …`.
        geo: Two-letter country of whoever opens, clicks or unsubscribes; no address is ever looked up.
        feedback_loop: Name of the feedback loop that reports spam marks.
        send_calls_per_10_s: Calls of `/v3.1/send` let through in any 10 s; None for no limit.
    Source: Mailjet guides "Event API" and "Send API v3.1"; what is not published is a choice of ours.
    """

    api_key: str = "0b6f2c61d5f84b2a9e0c7d3147a8f5e2"
    secret_key: str = "9d41c07be6a35f8214b0fd97c8236ea5"  # noqa: S105 - opens nothing but the fake
    api_key_id: int = 1234
    senders: tuple[str, ...] = ("*@example.com",)
    may_set_sender: bool = False
    track_opens: bool = True
    track_clicks: bool = True
    monitoring_categories: tuple[str, ...] = ()
    adds_unsubscribe_link: bool = True
    webhook_timeout_s: float = 10
    webhook_retry_s: float = 30
    webhook_window_s: float = 24 * 3600
    batch_window_s: float = 1
    batch_limit: int | None = None
    adds_message_id_text: bool = True
    wraps_smtp_reply: bool = True
    geo: str = "US"
    feedback_loop: str = "JMRPP"
    send_calls_per_10_s: int | None = None

    def allows_sender(self, address: str) -> bool:
        """Say whether an address, or its whole domain, is an active sender."""
        wanted = address.lower()
        names = {sender.lower() for sender in self.senders}
        return wanted in names or f"*@{wanted.rpartition('@')[2]}" in names

    def sender_id(self, address: str) -> int:
        """Give the id of the sender entry that covers an address; 0 when none does."""
        wanted = address.lower()
        for number, sender in enumerate(self.senders, start=1):
            if sender.lower() in (wanted, f"*@{wanted.rpartition('@')[2]}"):
                return number
        return 0
