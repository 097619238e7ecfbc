"""The dashboard's integrations page: "Test and Save" calls the other vendor once with a sample.

Source: Segment docs, "Mailmodo Source"; CleverTap docs, "Mailmodo". What the Segment sample contains is not published.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import aiohttp

from fakes.kit import ACTOR_HEADER
from fakes.mailmodo.webhooks import iso_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.kit import Fake

__all__ = ["SAMPLE_ADDRESS", "Integration", "Integrations", "SetupOutcome"]

SAMPLE_ADDRESS: Final = "hello@mailmodo.com"
"""Whom the samples are about. Source: CleverTap docs, "Mailmodo"."""

_SEGMENT_HOSTS: Final = {"us": "api.segment.io", "eu": "events.eu1.segmentapis.com"}


@dataclass(frozen=True, slots=True)
class SetupOutcome:
    """What the dashboard shows.

    Attributes:
        is_saved: Whether the other vendor took the sample.
        text: "Setup successful", or what was wrong.
    """

    is_saved: bool
    text: str


@dataclass(frozen=True, slots=True)
class Integration:
    """One that was tested and saved. Nothing is sent by it: the bridge carries what Mailmodo's own would.

    Attributes:
        vendor: `segment` or `clevertap`.
        host: Where its API is.
        account: CleverTap's project id; empty for Segment, which knows an account by its write key.
    """

    vendor: Literal["segment", "clevertap"]
    host: str
    account: str = ""


class Integrations:
    """Tests credentials of other vendors with one sample event each.

    Attributes:
        saved: Those that were taken, one for each vendor, host and account; the latest last.
    """

    def __init__(self, fake: Fake) -> None:
        self.saved: list[Integration] = []
        self._fake = fake

    async def test_segment(self, *, write_key: str, region: Literal["us", "eu"] = "us") -> SetupOutcome:
        """Send one `Email Opened` to a Segment source."""
        now = self._fake.surroundings.now()
        sample = {
            "type": "track",
            "event": "Email Opened",
            "userId": SAMPLE_ADDRESS,
            "messageId": f"mailmodo-test-{int(now.timestamp())}",
            "timestamp": iso_ms(now),
            "properties": {"email_subject": "Sample", "apple_privacy_open": False},
            "context": {
                "integration": {"name": "mailmodo", "version": "1.0.0"},
                "traits": {"email": SAMPLE_ADDRESS},
            },
        }
        basic = base64.b64encode(f"{write_key}:".encode()).decode()
        integration = Integration("segment", _SEGMENT_HOSTS[region])
        headers = {"Authorization": f"Basic {basic}"}
        status, _answer = await self._post(integration.host, "/v1/track", body=sample, headers=headers)
        return self._save(integration, is_taken=status == 200, status=status)

    async def test_clevertap(self, *, host: str, project_id: str, passcode: str) -> SetupOutcome:
        """Upload one `MM Email Opened` for `hello@mailmodo.com`.

        Args:
            host: REST API host of the account's region, `in1.api.clevertap.com`.
            project_id: The account's id.
            passcode: Its passcode.
        """
        sample = {
            "d": [
                {
                    "type": "event",
                    "identity": SAMPLE_ADDRESS,
                    "evtName": "MM Email Opened",
                    "evtData": {"email_subject": "Sample"},
                    "ts": int(self._fake.surroundings.now().timestamp()),
                }
            ]
        }
        headers = {"X-CleverTap-Account-Id": project_id, "X-CleverTap-Passcode": passcode}
        status, answer = await self._post(host, "/1/upload", body=sample, headers=headers)
        is_taken = status == 200 and answer.get("status") == "success"
        return self._save(Integration("clevertap", host, project_id), is_taken=is_taken, status=status)

    def _save(self, integration: Integration, *, is_taken: bool, status: int | None) -> SetupOutcome:
        if not is_taken:
            return SetupOutcome(False, f"answered {status}" if status is not None else "no answer")
        self.saved = [*(each for each in self.saved if each != integration), integration]
        return SetupOutcome(True, "Setup successful")

    async def _post(
        self, host: str, path: str, *, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> tuple[int | None, Mapping[str, Any]]:
        sent = {**headers, "Content-Type": "application/json", ACTOR_HEADER: self._fake.vendor}
        try:
            url = self._fake.surroundings.url_of(host) + path
        except LookupError:  # nobody is there under that name
            return None, {}
        try:
            async with self._fake.session.post(url, data=json.dumps(body), headers=sent) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError):
            return None, {}
        return response.status, _object(answer)


def _object(answer: bytes) -> Mapping[str, Any]:
    try:
        parsed = json.loads(answer)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
