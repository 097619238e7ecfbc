from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from fakes.mailmodo import MailmodoSettings
from tests.fakes.mailmodo.account import open_account

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fakes.mailmodo import SignUpForm
    from tests.fakes.mailmodo.account import Account

ASHA = "asha@example.com"
STORED = {"success": True, "message": "The contact is successfully added/updated"}
SITE = "https://brand.example"


@asynccontextmanager
async def open_form(settings: MailmodoSettings | None = None) -> AsyncIterator[tuple[Account, SignUpForm]]:
    async with open_account(settings or MailmodoSettings()) as mailmodo:
        form = mailmodo.fake.state.add_sign_up_form("Newsletter", list_name="News", origins=[SITE])
        yield mailmodo, form
        mailmodo.recorder.check(sent=False)


async def post(mailmodo: Account, form: SignUpForm, **options: Any) -> tuple[int, Any, dict[str, str]]:
    async with mailmodo.stage.session.post(mailmodo.fake.sign_up_url(form), **options) as response:
        return response.status, await response.json(), dict(response.headers)


@pytest.mark.parametrize(
    "options",
    [
        {"json": {"email": ASHA, "data": {"first_name": "Asha"}}},
        {"data": {"email": ASHA, "first_name": "Asha"}},
    ],
    ids=["json", "form"],
)
@pytest.mark.proves("mailmodo", "submitSignUpForm")
@pytest.mark.answers("mailmodo", 14)
async def test_a_visitor_comes_onto_the_forms_list_without_a_key(options: dict[str, Any]) -> None:
    async with open_form() as (mailmodo, form):
        status, answer, headers = await post(mailmodo, form, headers={"Origin": SITE}, **options)

        assert (status, answer, headers["Access-Control-Allow-Origin"]) == (200, STORED, SITE)
        contact, contact_list = mailmodo.fake.state.contact(ASHA), mailmodo.fake.state.list_named("News")
        assert contact is not None
        assert contact_list is not None
        assert (contact.data["first_name"], list(contact_list.members)) == ("Asha", [ASHA])


@pytest.mark.parametrize(("status", "wanted"), [(200, 200), (409, 409)])
@pytest.mark.answers("mailmodo", 14)
async def test_a_repeat_is_answered_as_set(status: Any, wanted: int) -> None:
    async with open_form(MailmodoSettings(repeated_signup_status=status)) as (mailmodo, form):
        await post(mailmodo, form, json={"email": ASHA})

        again, _answer, _headers = await post(mailmodo, form, json={"email": ASHA})

        assert again == wanted


@pytest.mark.answers("mailmodo", 14)
async def test_other_web_sites_are_refused() -> None:
    async with open_form() as (mailmodo, form):
        status, _answer, _headers = await post(
            mailmodo, form, json={"email": ASHA}, headers={"Origin": "https://evil.example"}
        )

        assert status == 403
        assert mailmodo.fake.state.contacts == {}


async def test_only_contact_properties_are_taken() -> None:
    async with open_form() as (mailmodo, form):
        await mailmodo.call(
            "POST", "/api/v1/addToList", {"email": "r@example.com", "listName": "l", "data": {"plan": "x"}}
        )

        known, _, _ = await post(mailmodo, form, json={"email": ASHA, "data": {"plan": "pro"}})
        unknown, answer, _ = await post(mailmodo, form, json={"email": ASHA, "data": {"nothing": 1}})

        assert (known, unknown) == (200, 400)
        assert answer["message"] == 'data.nothing" is not a contact property'


async def test_a_wrong_token_is_refused() -> None:
    async with open_form() as (mailmodo, form):
        url = mailmodo.url(f"/api/v1/at/f/{'x' * 10}/{form.id}")
        async with mailmodo.stage.session.post(url, json={"email": ASHA}) as response:
            assert (response.status, await response.json()) == (
                400,
                {"success": False, "message": "Form not found"},
            )


@pytest.mark.parametrize("email", ["nobody", "", None])
async def test_a_bad_address_is_refused(email: str | None) -> None:
    async with open_form() as (mailmodo, form):
        status, answer, _headers = await post(mailmodo, form, json={"email": email})

        assert (status, answer["error"]) == (400, "ValidationError")


async def ask(mailmodo: Account, url: str, origin: str) -> tuple[int, dict[str, str]]:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    async with mailmodo.stage.session.options(url, headers=headers) as response:
        allowed = {name: value for name, value in response.headers.items() if name.startswith("Access-")}
        return response.status, allowed


@pytest.mark.proves("mailmodo", "preflightSignUpForm")
async def test_a_browser_is_told_that_a_page_may_post_json() -> None:
    """Source: the Fetch standard; JSON from another site is posted only after this."""
    async with open_form() as (mailmodo, form):
        assert await ask(mailmodo, mailmodo.fake.sign_up_url(form), SITE) == (
            204,
            {
                "Access-Control-Allow-Origin": SITE,
                "Access-Control-Allow-Methods": "POST",
                "Access-Control-Allow-Headers": "content-type",
            },
        )
        assert mailmodo.fake.state.contacts == {}


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://brand.example.evil.example"])
async def test_a_browser_is_told_that_a_page_may_not_post(origin: str) -> None:
    async with open_form() as (mailmodo, form):
        assert await ask(mailmodo, mailmodo.fake.sign_up_url(form), origin) == (403, {})


async def test_a_preflight_of_no_form_is_refused_like_a_post() -> None:
    async with open_form() as (mailmodo, form):
        assert await ask(mailmodo, mailmodo.url(f"/api/v1/at/f/{'x' * 10}/{form.id}"), SITE) == (400, {})


@pytest.mark.parametrize(
    ("body", "wanted"),
    [({"email": "nobody"}, 400), ({"email": ASHA, "data": {"x": 1}}, 400), ({"email": ASHA}, 409)],
)
async def test_the_page_that_posted_can_read_a_refusal(body: dict[str, Any], wanted: int) -> None:
    async with open_form(MailmodoSettings(repeated_signup_status=409)) as (mailmodo, form):
        await post(mailmodo, form, json={"email": ASHA})

        status, _answer, headers = await post(mailmodo, form, json=body, headers={"Origin": SITE})

        assert (status, headers["Access-Control-Allow-Origin"]) == (wanted, SITE)


async def test_a_property_that_a_contact_once_had_stays_one() -> None:
    async with open_form() as (mailmodo, form):
        data = {"plan": "x", "nothing": None}
        await mailmodo.call("POST", "/api/v1/addToList", {"email": ASHA, "listName": "l", "data": data})
        await mailmodo.call("DELETE", "/api/v1/contacts", {"email": ASHA})

        known, _, _ = await post(mailmodo, form, json={"email": ASHA, "data": {"plan": "pro"}})
        unknown, _, _ = await post(mailmodo, form, json={"email": ASHA, "data": {"nothing": 1}})

        assert (known, unknown) == (200, 400)
