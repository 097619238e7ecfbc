from __future__ import annotations

import functools
import json
import re
import sys
from base64 import b64encode, urlsafe_b64decode
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from contracts.extras import install_command
from fakes.clevertap import CleverTapSettings, ClientAssertion, OAuth, WebhookCampaign, WebhookRefused
from tests.fakes.clevertap.account import BODY, HOOK, Account, account, with_people
from tests.support.controls import controlled

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

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


# A signed assertion in place of the secret


@functools.cache
def new_key() -> RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem(key: Any) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return str(key.private_bytes(encoding, form, serialization.NoEncryption()).decode())


def decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [("RS256", hashes.SHA256()), ("RS384", hashes.SHA384()), ("RS512", hashes.SHA512())],
)
@pytest.mark.proves("clevertap", "oauthToken")
async def test_client_assertion_is_signed_and_says_what_the_page_says(
    algorithm: Literal["RS256", "RS384", "RS512"], digest: hashes.HashAlgorithm
) -> None:
    async with account() as ct:
        login = Login()
        assertion = ClientAssertion(private_key=pem(new_key()), algorithm=algorithm, key_id="k1")
        began = int(ct.stage.now().timestamp())
        await set_up(ct, login, OAuth(token_url=TOKENS, client_id="ct", scope="hooks", assertion=assertion))

        [asked] = login.asked
        token = asked.pop("client_assertion")
        header, claims, signature = token.split(".")
        # Raises where it does not hold.
        new_key().public_key().verify(
            decoded(signature), f"{header}.{claims}".encode(), padding.PKCS1v15(), digest
        )
        said = json.loads(decoded(claims))
        assert asked == {
            "grant_type": "client_credentials",
            "client_id": "ct",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "scope": "hooks",
        }
        assert json.loads(decoded(header)) == {"alg": algorithm, "typ": "JWT", "kid": "k1"}
        assert said.pop("jti")
        assert 0 <= said.pop("iat") - began < 5
        assert 3600 <= said.pop("exp") - began < 3605
        assert said == {"iss": "ct", "sub": "ct", "aud": TOKENS}
        assert shown(ct) == ["Bearer t1"]
        ct.stage.recorder.check()


async def test_each_assertion_has_an_id_of_its_own_and_may_name_its_audience() -> None:
    async with account() as ct:
        login = Login(expires_in=20)
        assertion = ClientAssertion(
            private_key=pem(new_key()),
            audience="https://login.test",
            lives=timedelta(minutes=5),
            has_issued_at=False,
        )
        await set_up(ct, login, OAuth(token_url=TOKENS, client_id="ct", assertion=assertion))
        await ct.settle(60)
        await ct.fake.launch("ask", ["asha@example.com"])
        await ct.settle()

        first, second = (json.loads(decoded(one["client_assertion"].split(".")[1])) for one in login.asked)
        assert first["jti"] != second["jti"]
        assert second["exp"] - first["exp"] == pytest.approx(60, abs=2)
        assert first["aud"] == "https://login.test"
        assert "iat" not in first
        ct.stage.recorder.check()


def no_rsa() -> str:
    return pem(ec.generate_private_key(ec.SECP256R1()))


def of_no_known_kind() -> str:
    """Give a key whose algorithm nobody knows: Ed25519 with another number."""
    key = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    text = b64encode(key.replace(b"\x06\x03\x2b\x65\x70", b"\x06\x03\x2b\x65\x7f")).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"


def test_a_key_shows_in_no_message_about_its_assertion() -> None:
    key = pem(new_key())

    assert key.splitlines()[1] not in repr(ClientAssertion(private_key=key))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ClientAssertion(private_key=of_no_known_kind()), "wanted an RSA key in PEM"),
        (lambda: ClientAssertion(private_key="-----BEGIN"), "wanted an RSA key in PEM"),
        (lambda: ClientAssertion(private_key=no_rsa()), "wanted an RSA key"),
        (
            lambda: ClientAssertion(private_key=pem(new_key()), algorithm="HS256"),  # type: ignore[arg-type]  # that is what is refused
            "'HS256', wanted one of RS256",
        ),
        (lambda: OAuth(token_url=TOKENS, client_id="ct"), "without a client secret"),
        (
            lambda: OAuth(
                token_url=TOKENS,
                client_id="ct",
                client_secret="s",
                assertion=ClientAssertion(private_key=pem(new_key())),
            ),
            "wanted one of them",
        ),
    ],
)
def test_oauth_that_proves_nothing_or_too_much_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


async def test_assertion_can_be_set_up_through_the_control_api() -> None:
    async with controlled("clevertap") as on:
        login = Login()
        await on.stage.network.serve(login.app, ["login.test"])
        auth = {
            "type": "OAuth",
            "token_url": TOKENS,
            "client_id": "ct",
            "assertion": {"private_key": pem(new_key()), "algorithm": "RS384"},
        }
        hook = {"name": "hook", "url": HOOK, "auth": auth}

        assert (await on.ask("POST", "/collections/webhooks", hook))[0] == 201
        header = json.loads(decoded(login.asked[0]["client_assertion"].split(".")[0]))
        assert header == {"alg": "RS384", "typ": "JWT"}
        auth["assertion"] = {"private_key": "no key"}
        status, answer = await on.ask("POST", "/collections/webhooks", hook | {"name": "other"})
        assert status == 400
        assert "wanted an RSA key in PEM" in answer["error"]["message"]


def test_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    key = pem(new_key())
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.serialization", None)

    with pytest.raises(ValueError, match=re.escape(install_command("jwt"))):
        ClientAssertion(private_key=key)
