from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from fakes.kit import MailMessage
from simulator.mail_client import Link, answer, read_html, read_mail

FORM = """
<form method="post" action-xhr="https://mm.example/f/1" target="_top">
  <input type="hidden" name="ref" value="r1">
  <label>score</label>
  <label><input type="radio" name="q1" value="8">8</label>
  <label><input type="radio" name="q1" value="9">9</label>
  <label for="q2">why &amp; how</label><textarea name="q2"></textarea>
  <legend>plan</legend><select name="q3"><option value="">choose</option><option value="free">Free</option>
  <option value="pro">Pro</option></select>
  <input name="q4" aria-label="city"/>
  <input type="submit" name="go" value="Send"><input type="text">
</form>
"""


def message(**changes: Any) -> MailMessage:
    settings: dict[str, Any] = {
        "id": "m1",
        "vendor": "mailmodo",
        "sender": "us@example.com",
        "recipient": "asha@example.com",
        "subject": "Hello",
        "html": "<p>html</p><img src='https://x.example/html.gif'>",
        "sent_at": datetime(2026, 3, 2, tzinfo=UTC),
    }
    return MailMessage(**(settings | changes))


def test_images_of_every_kind_are_found_in_order() -> None:
    found = read_html("<img src='https://a/1'><AMP-IMG src='https://a/2'></amp-img><img src='https://a/3'/>")

    assert found.images == ["https://a/1", "https://a/2", "https://a/3"]


def test_links_have_their_address_and_the_text_that_is_seen() -> None:
    found = read_html(
        "<a href='https://a/?x=1&amp;y=2'> See <b>what\n is</b> new </a><a name='top'>no link</a>"
    )

    assert found.links == [Link("https://a/?x=1&y=2", "See what is new")]


def test_the_unsubscribe_link_is_known_by_what_it_says() -> None:
    found = read_html("<a href='https://a/1'>Shop</a><a href='https://a/2'>UNSUBSCRIBE here</a>")

    assert found.unsubscribe_url() == "https://a/2"
    assert found.content_links() == [Link("https://a/1", "Shop")]


def test_a_mail_without_anything_has_nothing() -> None:
    found = read_html("just <text")

    assert (found.images, found.links, found.forms, found.unsubscribe_url()) == ([], [], [], None)


def test_a_client_shows_amp_only_when_it_can_and_when_there_is_some() -> None:
    amp = message(amp="<amp-img src='https://x.example/amp.gif'>")

    assert read_mail(amp, shows_amp=True).images == ["https://x.example/amp.gif"]
    assert read_mail(amp, shows_amp=False).images == ["https://x.example/html.gif"]
    assert read_mail(message(), shows_amp=True).images == ["https://x.example/html.gif"]


class TestForms:
    def test_fields_are_known_with_their_questions_and_choices(self) -> None:
        (form,) = read_html(FORM).forms

        assert form.url == "https://mm.example/f/1"
        assert list(form.fields) == ["ref", "q1", "q2", "q3", "q4"]
        assert form.fields["ref"].value == "r1"
        assert (form.fields["q1"].question, form.fields["q1"].choices) == ("score", ["8", "9"])
        assert (form.fields["q2"].question, form.fields["q2"].choices) == ("why & how", [])
        assert (form.fields["q3"].question, form.fields["q3"].choices) == ("plan", ["free", "pro"])
        assert form.fields["q4"].question == "city"

    def test_a_page_posts_to_its_action(self) -> None:
        (form,) = read_html("<form action='/f/2'><input name='a'></form>").forms

        assert form.url == "/f/2"

    def test_fields_outside_a_form_are_nobodys(self) -> None:
        assert (
            read_html("<input name='a'><form action='/x'></form><select name='b'></select>").forms[0].fields
            == {}
        )

    def test_what_is_wanted_is_answered_by_question_or_by_field(self) -> None:
        (form,) = read_html(FORM).forms

        filled = answer(form, {"score": 9, "q2": "Fast", "plan": ["free", "pro"], "city": ""}, Random(1))

        assert filled == [
            ("ref", "r1"), ("q1", "9"), ("q2", "Fast"), ("q3", "free"), ("q3", "pro"), ("q4", ""),
        ]  # fmt: skip

    def test_the_rest_is_drawn_from_what_there_is_to_choose(self) -> None:
        (form,) = read_html(FORM).forms

        drawn = [dict(answer(form, {}, Random(seed))) for seed in range(40)]

        assert {one["q1"] for one in drawn} == {"8", "9"}
        assert {one["q3"] for one in drawn} == {"free", "pro"}
        assert all(one["ref"] == "r1" and one["q2"] for one in drawn)

    @pytest.mark.parametrize("seed", [1, 2])
    def test_the_same_person_answers_the_same(self, seed: int) -> None:
        (form,) = read_html(FORM).forms

        assert answer(form, {}, Random(seed)) == answer(form, {}, Random(seed))
