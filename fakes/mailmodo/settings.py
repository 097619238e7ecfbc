"""What of the fake can be set: credentials, and the answers on which nothing is published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MailmodoSettings", "Plan"]

Plan = Literal["Lite", "Pro", "Max"]
"""What an account pays for. Source: pricing page."""

_REQUESTS_PER_S: Final[Mapping[Plan, int]] = {"Lite": 5, "Pro": 10, "Max": 50}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailmodoSettings:
    """Credentials and open questions of one Mailmodo account.

    Attributes:
        api_key: The key that `mmApiKey` must carry; four groups of seven upper-case alphanumerics.
        more_api_keys: Further keys of the account; each has the whole account, and a rate of its own.
        account_id: The account's UUID; contact and campaign ids are derived from it.
        sender_email: From address of campaigns that name none.
        sender_name: From name of campaigns that name none.
        reply_to: Reply-to address of campaigns that name none; empty for none.
        bad_key_status: Status for a missing or wrong key.
        invalid_email_status: Status for a bad address on a trigger: 400, or 200 with `success: false`.
        plan: Limits the calls with each key to 5, 10 or 50 per second; None for no limit.
        requests_per_s: Another limit than the plan's; None for the plan's.
        retry_after_s: What a call above the limit is told to wait, in seconds; None to tell it nothing.
        leave_out_optional: Leave out what the vendor's own sample data does not have in every row: `contacts_count`
            of lists, `senderEmail` of campaigns.
        batch_takes_s: Seconds that a batch call is at work; another one meanwhile is refused.
        send_delay_s: Seconds from the answer to a trigger until the mail goes out; 0 is the next loop turn.
        repeated_signup_status: Status for a sign-up of an address that is known; two are reported.
        utc_offset_minutes: The account's time zone, for the local times in webhooks.
        webhook_timeout_s: Seconds that one try of a webhook may take.
        webhook_tries: Tries before a webhook is given up.
        webhook_first_wait_s: Seconds from the first failed try to the second; doubles from then on.
    """

    api_key: str = "J0URN3Y-LABM41L-M0D0K3Y-F0RT3ST"
    more_api_keys: tuple[str, ...] = ()
    account_id: str = "6f1d3c52-8f0b-4a7e-9c61-2b5d0e7a4c19"
    sender_email: str = "hello@brand.example"
    sender_name: str = "Brand"
    reply_to: str = ""
    bad_key_status: Literal[400, 401, 403] = 401
    invalid_email_status: Literal[200, 400] = 400
    plan: Plan | None = None
    requests_per_s: int | None = None
    retry_after_s: int | None = 1
    leave_out_optional: bool = False
    batch_takes_s: float = 0.0
    send_delay_s: float = 0.0
    repeated_signup_status: Literal[200, 409] = 200
    utc_offset_minutes: int = 330
    webhook_timeout_s: float = 10.0
    webhook_tries: int = 5
    webhook_first_wait_s: float = 10.0

    @property
    def rate_limit(self) -> int | None:
        """How many calls with one key are taken per second; None for no limit. Source: pricing page."""
        if self.requests_per_s is not None or self.plan is None:
            return self.requests_per_s
        return _REQUESTS_PER_S[self.plan]
