from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from fakes.clevertap.liquid_text import LiquidText, MessageAborted, json_text
from fakes.clevertap.liquid_values import Occasion, date_of
from fakes.clevertap.profiles import Device, Profile
from tests.support.fakes import START

PROFILE = Profile(
    1,
    identities=["customer-1"],
    devices=[Device("__a1", "Android", START)],
    properties={
        "Name": 'Asha "Ash" Rao',
        "Email": "asha@example.com",
        "Phone": "+919876543210",
        "First Name": "Asha",
        "plan_type": "pro",
        "visits": 3,
        "is_vip": True,
        "since": "$D_1685375700",
        "note": "line\nbreak \\ slash",
    },
)


def render(text: str, **kind: bool) -> str:
    occasion = Occasion(
        PROFILE,
        START,
        timedelta(hours=5, minutes=30),
        event_name="Charged",
        event={"Amount": 499, "at": "$D_1685375700"},
        external={"code": "X7"},
        constant="march",
    )
    return LiquidText(text, **kind).render(occasion)


def rendered_json(text: str) -> Any:
    return json.loads(render(text, is_json=True))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{{ Profile.Email | default: "x" }}', "asha@example.com"),
        ("{{ Profile.name }} {{ profile.Name }}", 'Asha "Ash" Rao Asha "Ash" Rao'),
        ("{{ Profile.Identity }}", "customer-1"),
        ("{{ Profile.objectId }} {{ Profile.CleverTapId }} {{ Profile.ct_objectId }}", "__a1 __a1 __a1"),
        ('{{ Profile.city | default: "-" }}', "-"),
        ("[{{ Profile.city }}]", "[]"),
        ('{{ Event.Amount | default: "0" }} {{ event.amount }}', "499 499"),
        ('{{ ExternalTrigger.code | default: "" }}', "X7"),
        ('{{ ConstantEventProperty | default: "" }}', "march"),
        ("{{ Profile.since }}", "2023-05-29 21:25:00"),
        ('@Profile - since | default: ""', "May 29, 2023"),
        ('@Profile - Email | default: "x"', "asha@example.com"),
        ('@Profile - city | default:"Pune"', "Pune"),
        ("Hi @Profile - First Name, welcome", "Hi Asha, welcome"),
        ("Hi @Profile - First Name how are you", "Hi Asha how are you"),
        ("Hi @Profile - city how are you", "Hi  how are you"),
        ('@Charged - Amount | default: "0" rupees', "499 rupees"),
        ("@Event Name - Amount", "499"),
        ("mail me@Profile - now", "mail me@Profile - now"),
        ("${first_name} <${user_email}> ${plan_type} ${zip}", "Asha <asha@example.com> pro "),
        ("{% if Profile.visits > 2 and Profile.is_vip %}vip{% else %}guest{% endif %}", "vip"),
        (
            "{% for i in (1..3) %}{{ i }}{% endfor %}{% raw %}{{ x }} @Profile - Email{% endraw %}",
            "123{{ x }} @Profile - Email",
        ),
        ('{{ "now" | date: "%Y-%m-%d %H:%M" }} {{ now }}', "2026-03-02 09:00 2026-03-02 09:00:00"),
        ('{{ "1685375700" | date: "%H:%M" }} {{ "soon" | date: "%H" }}', "21:25 soon"),
        ("{% unless Profile.is_vip %}a{% else %}b{% endunless %}", "b"),
        ("{% if Profile.visits >= 9 %}a{% elsif Profile.visits <= 3 or false %}b{% endif %}", "b"),
        ("{% if Profile.plan_type != 'x' and Profile.plan_type contains 'pr' %}a{% endif %}", "a"),
        ("{% case Profile.plan_type %}{% when 'free' %}a{% when 'pro' %}b{% else %}c{% endcase %}", "b"),
        ("{% for i in (1..9) limit:4 offset:2 reversed %}{{ i }}{% endfor %}", "6543"),
        ("{% for i in (1..9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}", "134"),
        ("{% tablerow i in (1..2) %}{{ i }}{% endtablerow %}", '<tr class="row1">\n<td class="col1">1</td><td class="col2">2</td></tr>\n'),
        ("{% assign x = Profile.visits %}{{ x }}{% comment %}{{ x }}{% endcomment %}", "3"),
        ("{{ Profile.Name | nonsense }}", 'Asha "Ash" Rao'),
        ("plain", "plain"),
    ],
)  # fmt: skip
@pytest.mark.answers("clevertap", 24, without_wire=True)
def test_text_renders(text: str, wanted: str) -> None:
    assert render(text) == wanted


def test_values_inside_json_strings_are_escaped_and_numbers_stand_bare() -> None:
    body = """{
      "email": "{{ Profile.Email | default: "-" }}", "name": "Dear {{ Profile.Name }}!", "note": "@Profile - note",
      "by": "${first_name} and {{ Profile.Name }}", "visits": {{ Profile.visits }}, "vip": {{ Profile.is_vip }},
      "a \\" quote": "{{- Profile.Name -}}", "d": "@Profile - city | default: "none""
    }"""

    assert rendered_json(body) == {
        "email": "asha@example.com",
        "name": 'Dear Asha "Ash" Rao!',
        "note": "line\nbreak \\ slash",
        "by": 'Asha and Asha "Ash" Rao',
        "visits": 3,
        "vip": True,
        'a " quote': 'Asha "Ash" Rao',
        "d": "none",
    }


def test_mapping_is_dumped_so_that_quotes_in_tags_survive() -> None:
    body = {
        "email": '{{ Profile.Email | default: "x" }}',
        "data": {"plan": "${plan_type}", "n": 5, 'q"': "\\"},
    }

    assert rendered_json(json_text(body)) == {
        "email": "asha@example.com",
        "data": {"plan": "pro", "n": 5, 'q"': "\\"},
    }


def test_values_in_urls_are_percent_encoded() -> None:
    assert render("https://x.test/{{ Profile.Phone }}?q=@Profile - Email", is_url=True) == (
        "https://x.test/%2B919876543210?q=asha%40example.com"
    )


def test_dollar_names_stay_where_they_are_no_notation() -> None:
    assert (
        render('{"email": "${user_email}"}', is_json=True, has_dollar_names=False)
        == '{"email": "${user_email}"}'
    )


@pytest.mark.parametrize(
    "text", ["{% abort %}", '{% abort "no plan" %}', "{% if Profile.visits %}x{% abort %}{% endif %}"]
)
@pytest.mark.answers("clevertap", 24, without_wire=True)
def test_abort_drops_the_message(text: str) -> None:
    with pytest.raises(MessageAborted):
        render(text)


def test_abort_that_is_not_reached_drops_nothing() -> None:
    assert render("{% if Profile.visits > 9 %}{% abort %}{% endif %}kept") == "kept"


@pytest.mark.parametrize("value", ["$D_\u0663\u0663", "$D_", "D_5", "$D_5x", 5, None])
def test_what_is_no_date_is_written_as_it_stands(value: object) -> None:
    assert date_of(value) is None
