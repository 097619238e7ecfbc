"""An account with one AMP survey and one HTML newsletter, on a stage."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from fakes.mailmodo import FakeMailmodo, Form, Link, MailmodoSettings, Question, Template
from tests.support.fakes import Receiver, stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientResponse

    from fakes.kit import MailMessage
    from fakes.mailmodo import Campaign
    from tests.support.fakes import Recorder, Stage

SURVEY = Template(
    name="NPS Survey",
    email_type="AMP",
    form=Form(
        "nps",
        {
            "score": Question(kind="scale", low=0, high=10, is_required=True),
            "why": Question(kind="text"),
            "colour": Question(kind="choice", choices=("red", "blue & green")),
            "days": Question(kind="choices", choices=("Mon", "Tue", "Wed")),
            "stars": Question(kind="rating", high=5),
        },
    ),
    links=(
        Link("Read more", "https://brand.example/more"),
        Link("Your plan", "https://brand.example/plan?p=${plan}"),
    ),
    body="<p>You are on ${plan}, ${first_name}.</p>",
)
NEWS = Template(name="News", links=(Link("Read on", "https://brand.example/news"),))

DEFAULTS = MailmodoSettings()


@dataclass
class Account:
    """The fake on its stage, and shorthands for what tests do to it."""

    fake: FakeMailmodo
    stage: Stage
    survey: Campaign
    news: Campaign

    @property
    def recorder(self) -> Recorder:
        return self.stage.recorder

    @property
    def mails(self) -> list[MailMessage]:
        return self.recorder.mails

    def url(self, path: str) -> str:
        return self.stage.network.url("api.mailmodo.com") + path

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        headers = {"mmApiKey": self.fake.settings.api_key, **options.pop("headers", {})}
        async with self.stage.session.request(
            method, self.url(path), json=body, headers=headers, **options
        ) as response:
            return response.status, await response.json()

    async def trigger(self, email: str = "asha@example.com", /, **fields: Any) -> str:
        status, answer = await self.call(
            "POST", f"/api/v1/triggerCampaign/{self.survey.id}", {"email": email, **fields}
        )
        assert status == 200, answer
        return cast("str", answer["ref"])

    async def mail(self, email: str = "asha@example.com", /, **fields: Any) -> MailMessage:
        """Trigger a mail and wait until it has arrived."""
        await self.trigger(email, **fields)
        await self.settle()
        return self.mails[-1]

    async def get(self, url: str, **headers: str) -> ClientResponse:
        async with self.stage.session.get(url, headers=headers, allow_redirects=False) as response:
            await response.read()
            return response

    async def post(self, url: str, **options: Any) -> ClientResponse:
        async with self.stage.session.post(url, allow_redirects=False, **options) as response:
            await response.read()
            return response

    async def settle(self) -> None:
        """Wait until nothing is under way in the fake."""
        while self.fake._tasks:
            await next(iter(self.fake._tasks))
            await asyncio.sleep(0)  # a finished task leaves the set one turn later

    def element(self, question: str) -> str:
        form = self.survey.template.form
        assert form is not None
        return next(element.id for element in form.elements if element.name == question)

    @property
    def form_id(self) -> str:
        assert self.survey.template.form is not None
        return self.survey.template.form.id

    async def report(self, campaign: Campaign | None = None, **days: str) -> dict[str, Any]:
        campaign = campaign or self.survey
        status, answer = await self.call("POST", f"/api/v1/campaignReports/{campaign.id}", days)
        assert status == 200
        return cast("dict[str, Any]", answer)


@asynccontextmanager
async def open_account(
    settings: MailmodoSettings = DEFAULTS, receiver: Receiver | None = None
) -> AsyncIterator[Account]:
    made: list[FakeMailmodo] = []

    def make(surroundings: Any) -> FakeMailmodo:
        made.append(FakeMailmodo(surroundings, settings))
        return made[0]

    async with stage(make, receiver=receiver) as opened:
        fake = made[0]
        for template in (SURVEY, NEWS):
            fake.state.add_template(template)
        survey = fake.state.add_campaign(
            name="nps-march",
            template="NPS Survey",
            subject="How are we doing, ${first_name}?",
            trigger_app="CleverTap",
        )
        news = fake.state.add_campaign(name="news-march", template="News", subject="News")
        if receiver is not None:
            fake.set_activity_webhook(opened.network.url("receiver.test") + "/activity")
        yield Account(fake, opened, survey, news)
