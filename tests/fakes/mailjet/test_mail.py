from __future__ import annotations

import pytest

from fakes.mailjet.dispatch import classify
from fakes.mailjet.drafts import is_email
from fakes.mailjet.mail import VariableMissing, add_url_tags, fill, link_path, link_target, render_html


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{var:name}}", "Ada"),
        ("[[var:name]]", "Ada"),
        ("{{ var:name }}", "Ada"),
        ("{{var:nick:friend}}", "friend"),
        ('{{var:nick:"dear friend"}}', "dear friend"),
        ("{{var:nick:}}", ""),
        ("{{var:order.total}}", "12.5"),
        ("{{var:is_new}}", "true"),
        ("{{name}}", "{{name}}"),
    ],
)
def test_variables_are_filled(text: str, expected: str):
    variables = {"name": "Ada", "order": {"total": 12.5}, "is_new": True}

    assert fill(text, variables) == expected


def test_variable_without_value_or_default_is_an_error_unless_leniently_filled():
    with pytest.raises(VariableMissing, match="nick"):
        fill("Hi {{var:nick}}", {})
    assert fill("Hi {{var:nick}}", {}, is_lenient=True) == "Hi "


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://x.test/", "https://x.test/?a=1"),
        ("https://x.test/?b=2", "https://x.test/?b=2&a=1"),
        ("https://x.test/#top", "https://x.test/?a=1#top"),
    ],
)
def test_url_tags_go_into_the_query(url: str, expected: str):
    assert add_url_tags(url, "a=1") == expected
    assert add_url_tags(url, "?a=1") == expected
    assert add_url_tags(url, "") == url


def test_only_web_links_are_rewritten_and_places_are_counted():
    source = (
        "<a href='https://x.test/?a=1&amp;b=ü'>one</a> <a href=\"mailto:x@y.test\">two</a> "
        '<A class="x" HREF="http://y.test">three</A>'
    )

    html = render_html(
        source,
        token="T",
        base_url="https://t.test",
        url_tags="",
        has_pixel=False,
        has_links=True,
        adds_unsubscribe=False,
    )

    first, second = link_path("T", 1, "https://x.test/?a=1&b=ü"), link_path("T", 2, "http://y.test")
    assert html == (
        f"<a href='https://t.test{first}'>one</a> <a href=\"mailto:x@y.test\">two</a> "
        f'<A class="x" HREF="https://t.test{second}">three</A>'
    )
    assert link_target(first.rpartition("/")[2]) == "https://x.test/?a=1&b=ü"


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (550, "5.1.1 no such user", ("recipient", "user unknown")),
        (550, "5.1.2 bad domain", ("domain", "invalid domain")),
        (550, "5.2.1 disabled", ("recipient", "mailbox inactive")),
        (552, "5.2.2 full", ("recipient", "quota exceeded")),
        (550, "5.7.26 unauthenticated", ("spam", "policy issue")),
        (450, "4.7.1 greylisted", ("domain", "greylisted")),
        (550, "5.7.1 relaying denied", ("domain", "relay/access denied")),
        (451, "4.7.0 try later", ("domain", "greylisted")),
        (450, "come back later", ("domain", "greylisted")),
        (550, "go away", ("recipient", "user unknown")),
        (554, "spam", ("spam", "content blocked")),
        (421, "closing", ("system", "connection issue")),
        (599, "", ("system", "protocol issue")),
        (499, "", ("system", "system issue")),
    ],
)
def test_refusals_are_sorted_into_the_vendors_table(code: int, text: str, expected: tuple[str, str]):
    assert classify(code, text) == expected


@pytest.mark.parametrize("address", ["ada@example.org", "a.b+c@x.co.uk", "o'hara@x.test", "jürgen@müller.de"])
def test_addresses_that_are_fine(address: str):
    assert is_email(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "ada@",
        "@x.test",
        "ada@example..com",
        "a..b@x.test",
        "a b@x.test",
        "a@b",
        "a@-x.test",
        "${user_email}",
        "a" * 250 + "@x.test",
    ],
)
def test_addresses_that_are_not(address: str):
    assert not is_email(address)
