from __future__ import annotations

import json
from urllib.parse import parse_qsl

import pytest
from aiohttp import web

from fakes.clevertap import CleverTapSettings, OAuth, WebhookCampaign, WebhookRefused
from tests.fakes.clevertap.account import BODY, HOOK, Account, account, with_people

TOKENS = "https://login.test/token"
CLIENT = OAuth(token_url=TOKENS, client_id="ct", client_secret="s3cret", scope="hooks")


class Login:
    """A token URL that hands out `t1`, `t2`, … and keeps what was asked."""

    def __init__(self, **answer: object) -> None:
        self.asked: list[dict[str, str]] = []
        self.answer = {"expires_in": 3600} | answer
        self.status = 200
        self.app = web.Application()
        self.app.router.add_post("/token", self._give)

    async def _give(self, request: web.Request) -> web.Response:
        self.asked.append(dict(parse_qsl(await request.text())))
        body = {"access_token": f"t{len(self.asked)}", "token_type": "Bearer"} | self.answer
        return web.json_response(body, status=self.status)


async def set_up(ct: Account, login: Login, oauth: OAuth = CLIENT) -> None:
    await ct.stage.network.serve(login.app, ["login.test"])
    await with_people(ct, "asha", "ravi")
    await ct.fake.add_webhook("hook", url=HOOK, oauth=oauth)
    ct.fake.add_campaign(WebhookCampaign(name="ask", webhook="hook", body=BODY))


def shown(ct: Account) -> list[str]:
    return [headers.get("Authorization", "") for _, _, headers, _ in ct.receiver.requests]


@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
@pytest.mark.proves("clevertap", "oauthToken")
async def test_client_credentials_give_a_token_that_is_shown_as_chosen_and_kept(scheme: str) -> None:
    async with account() as ct:
        login = Login()
        oauth = OAuth(
            token_url=TOKENS,
            client_id="ct",
            client_secret="s3cret",
            scope="hooks",
            scheme="Basic" if scheme == "Basic" else "Bearer",
        )
        await set_up(ct, login, oauth)

        await ct.fake.launch("ask")
        await ct.settle()

        assert login.asked == [
            {
                "grant_type": "client_credentials",
                "client_id": "ct",
                "client_secret": "s3cret",
                "scope": "hooks",
            }
        ]
        assert shown(ct) == [f"{scheme} t1"] * 3  # the test call, and two people
        ct.stage.recorder.check()


@pytest.mark.proves("clevertap", "oauthToken")
async def test_password_credentials_name_the_resource_owner() -> None:
    async with account() as ct:
        login = Login()
        oauth = OAuth(token_url=TOKENS, client_id="ct", client_secret="s3cret", username="me", password="p&w")
        await set_up(ct, login, oauth)

        assert login.asked == [
            {
                "grant_type": "password",
                "client_id": "ct",
                "client_secret": "s3cret",
                "username": "me",
                "password": "p&w",
            }
        ]
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    ("lives", "gap_s", "tokens"),
    [(3600, 3500, 1), (3600, 3590, 2), ("3600", 3590, 2), (20, 5, 1), (20, 15, 2)],
)
async def test_token_is_fetched_anew_shortly_before_it_dies(lives: object, gap_s: float, tokens: int) -> None:
    async with account() as ct:
        login = Login(expires_in=lives)
        await set_up(ct, login)

        await ct.settle(gap_s)
        await ct.fake.launch("ask", ["asha@example.com"])
        await ct.settle()

        assert len(login.asked) == tokens
        assert shown(ct)[-1] == f"Bearer t{tokens}"


async def test_token_that_the_receiver_refuses_is_fetched_anew_for_the_next_try() -> None:
    async with account() as ct:
        login = Login()
        await set_up(ct, login)
        ct.receiver.answer = lambda _: web.Response(
            status=200 if ct.receiver.requests[-1][2].get("Authorization") == "Bearer t2" else 401
        )

        await ct.fake.launch("ask", ["asha@example.com"])
        await ct.settle(60)

        assert shown(ct)[1:] == ["Bearer t1", "Bearer t2"]
        assert ct.fake.statistics("ask").sent == 1
        ct.stage.recorder.check()


@pytest.mark.parametrize("answer", [{"access_token": ""}, {"access_token": 7}, {"access_token": "a\nb"}])
async def test_answer_without_a_token_sends_the_request_without_one(answer: dict[str, object]) -> None:
    async with account() as ct:
        await set_up(ct, Login(**answer))

        assert shown(ct) == [""]


async def test_template_whose_token_url_fails_is_refused_by_a_receiver_that_wants_one() -> None:
    async with account(CleverTapSettings()) as ct:
        login = Login()
        login.status = 500
        ct.receiver.answer = lambda _: web.Response(
            status=200 if "Authorization" in ct.receiver.requests[-1][2] else 401
        )

        with pytest.raises(WebhookRefused, match="401"):
            await set_up(ct, login)

        assert len(login.asked) == 1
        assert json.loads(ct.receiver.requests[0][3])["is_test"] is True
