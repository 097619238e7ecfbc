from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest

from fakes.kit.exchange import Exchange, Fact
from simulator.journal import Journal
from simulator.ledger import Due, Effect, balance
from simulator.ledger_rules import RULES, TOLERANCE_S, LedgerContext, dues, effects, engagement_webhooks
from tests.support.fakes import START

ASHA = "asha@example.com"
CONTEXT = LedgerContext(triggers={"ask": "nps-march"})


class Book:
    """A journal that is told what the fakes would tell it."""

    def __init__(self) -> None:
        self.at = START
        self.journal = Journal(lambda: self.at)

    def tell(
        self,
        vendor: str,
        kind: str,
        subject: str = ASHA,
        *,
        cause: str = "",
        at_s: float = 60,
        **details: Any,
    ) -> None:
        at = START + timedelta(seconds=at_s)
        self.at = max(self.at, at)
        self.journal.fact(
            Fact(vendor=vendor, kind=kind, subject=subject, at=at, details=details, cause=cause)
        )

    def call(self, sender: str = "bridge", receiver: str = "clevertap", **changes: Any) -> str:
        identity = self.journal.open_entry()
        settings: dict[str, Any] = {
            "contract": receiver, "operation": "upload", "kind": "operation", "method": "POST",
            "url": "https://x.example/", "request_headers": {}, "request_body": b"", "status": 200,
            "response_headers": {}, "response_body": b"", "started_at": self.at, "ended_at": self.at,
        }  # fmt: skip
        self.journal.exchange(Exchange(id=identity, sender=sender, receiver=receiver, **(settings | changes)))
        return identity

    def dues(self) -> list[Due]:
        return dues(self.journal, CONTEXT)

    def effects(self) -> list[Effect]:
        return effects(self.journal, CONTEXT)


@pytest.fixture
def book() -> Book:
    return Book()


def shape(items: list[Due] | list[Effect]) -> list[tuple[str, str, str]]:
    return [(item.account, item.name, item.subject) for item in items]


class TestTriggers:
    @pytest.fixture(autouse=True)
    def qualified(self, book: Book) -> None:
        book.tell("clevertap", "profile_stored", object_id="_o1")
        book.tell("clevertap", "campaign_qualified", campaign="ask")

    @pytest.mark.parametrize("outcome", [None, "webhook_sent", "webhook_failed"])
    def test_whoever_qualifies_is_due_one_mail_whatever_the_bridge_answers(
        self, book: Book, outcome: str | None
    ) -> None:
        if outcome:
            book.tell("clevertap", outcome, campaign="ask")

        (due,) = book.dues()

        assert (due.rule, due.account, due.name, due.subject) == (
            RULES["trigger"], "mailmodo campaign", "nps-march", ASHA,
        )  # fmt: skip
        assert due.values == {"clevertap_id": "_o1"}

    @pytest.mark.parametrize("outcome", ["webhook_sent", "webhook_failed"])
    def test_the_request_says_what_was_asked_for(self, book: Book, outcome: str) -> None:
        body = b'{"email": "Second@Example.com", "clevertap_id": "_o2", "data": {"city": "Pune", "deep": {}}}'
        cause = book.call("clevertap", "bridge", kind="webhook", request_body=body)
        book.tell("clevertap", outcome, campaign="ask", cause=cause)

        (due,) = book.dues()

        assert (due.subject, due.cause) == ("second@example.com", cause)
        assert due.values == {"clevertap_id": "_o2", "data.city": "Pune"}

    @pytest.mark.parametrize(
        ("reason", "count"),
        [
            ("LiquidLogicAborted", 0),
            ("Unsubscribed", 0),
            ("Invalid JSON body", 1),
            ("Invalid Webhook URL", 1),
        ],
    )
    def test_what_clevertap_keeps_back_is_due_only_where_the_text_is_to_blame(
        self, book: Book, reason: str, count: int
    ) -> None:
        book.tell("clevertap", "message_dropped", campaign="ask", reason=reason)

        assert len(book.dues()) == count

    @pytest.mark.parametrize(("kind", "campaign"), [("campaign_qualified", "other"), ("sms_sent", "ask")])
    def test_nothing_else_is(self, book: Book, kind: str, campaign: str) -> None:
        book.tell("clevertap", kind, campaign=campaign)

        assert len(book.dues()) == 1


class TestMailmodoActivity:
    DETAILS: ClassVar[dict[str, Any]] = {
        "campaign_trigger_source": "CleverTap",
        "campaign_name": "nps-march",
        "template_name": "NPS: Survey! $1",
    }

    @pytest.mark.parametrize(
        ("kind", "name"),
        [
            ("email_opened", "MM Email Opened"),
            ("link_clicked", "MM Email Link Clicked"),
            ("email_bounced", "MM Email Bounced"),
            ("unsubscribed", "MM Email Unsubscribed"),
            ("marked_as_spam", "MM Email Marked as Spam"),
        ],
    )
    def test_activity_of_a_clevertap_campaign_is_due_on_the_profile(
        self, book: Book, kind: str, name: str
    ) -> None:
        book.tell("clevertap", "profile_stored", object_id="_o1")
        book.tell("mailmodo", kind, clevertap_id="_o1", **self.DETAILS)

        (due,) = book.dues()

        assert shape([due]) == [("clevertap", name, ASHA)]
        assert due.values == {"campaign_name": "nps-march", "template_name": "NPS: Survey! $1"}
        assert due.at == START + timedelta(seconds=60)

    def test_an_answer_is_due_twice_with_the_answers_under_the_templates_name(self, book: Book) -> None:
        answers = {"score": "9", "why?": "Fast", "list": ["a"], "nested": {}}
        book.tell("mailmodo", "form_submitted", clevertap_id="_o1", answers=answers, **self.DETAILS)

        plain, detailed = book.dues()

        assert (plain.name, plain.rule) == ("MM Email Form Submitted", RULES["activity"])
        assert (detailed.name, detailed.rule) == ("MM NPS Survey 1 Form Submitted", RULES["answers"])
        assert detailed.values == {"score": "9", "why?": "Fast"}

    @pytest.mark.parametrize(
        "changes",
        [{"clevertap_id": None}, {"campaign_trigger_source": "Rest API"}, {"campaign_trigger_source": None}],
    )
    def test_activity_of_other_campaigns_is_not_clevertaps(self, book: Book, changes: dict[str, Any]) -> None:
        book.tell("mailmodo", "email_opened", **({"clevertap_id": "_o1"} | self.DETAILS | changes))

        assert book.dues() == []

    @pytest.mark.parametrize(
        "kind", ["email_sent", "contact_stored", "campaign_triggered", "email_suppressed"]
    )
    def test_what_clevertap_has_no_event_for_is_not_due(self, book: Book, kind: str) -> None:
        book.tell("mailmodo", kind, clevertap_id="_o1", **self.DETAILS)

        assert book.dues() == []

    def test_an_unknown_profile_is_named_by_its_id(self, book: Book) -> None:
        book.tell("mailmodo", "email_opened", clevertap_id="_gone", **self.DETAILS)

        assert book.dues()[0].subject == "_gone"


class TestMailmodoToSegment:
    def identify(self, book: Book, **details: Any) -> None:
        message = {
            "source": "web",
            "message_id": "m1",
            "type": "identify",
            "user_id": "u1",
            "traits": {"email": "Asha@example.com"},
        }
        book.tell("segment", "message_accepted", **(message | details))
        book.tell("segment", "message_delivered", destination="Mailmodo", **(message | details))

    def test_activity_is_due_only_for_contacts_that_segment_identified(self, book: Book) -> None:
        book.tell("mailmodo", "email_sent", email_id="e0")
        self.identify(book)
        book.tell("mailmodo", "email_sent", email_id="e1", apple_privacy_open=None, at_s=90)

        due = book.dues()[-1]

        assert len(book.dues()) == 2
        assert shape([due]) == [("segment/mailmodo", "Email Sent", "user u1")]
        assert due.values == {"email_id": "e1"}

    @pytest.mark.parametrize(
        ("kind", "name"),
        [
            ("email_opened", "Email Opened"),
            ("link_clicked", "Link Clicked"),
            ("form_submitted", "Email Form Submitted"),
            ("email_bounced", "Email Bounced"),
            ("unsubscribed", "Email Unsubscribed"),
            ("marked_as_spam", "Email Marked as Spam"),
        ],
    )
    def test_each_of_the_seven_events_has_its_name(self, book: Book, kind: str, name: str) -> None:
        self.identify(book)
        book.tell("mailmodo", kind)

        assert book.dues()[-1].name == name

    def test_an_identify_with_an_address_is_due_as_a_contact(self, book: Book) -> None:
        self.identify(book)

        assert shape(book.dues()) == [("mailmodo contact", "contact", ASHA)]

    def test_an_identify_without_an_address_is_dropped(self, book: Book) -> None:
        self.identify(book, traits={"name": "Asha"})

        assert book.dues() == []

    def test_the_same_user_with_two_addresses_is_two_contacts(self, book: Book) -> None:
        self.identify(book)
        self.identify(book, message_id="m2", traits={"email": "a2@example.com"})

        assert [due.subject for due in book.dues()] == [ASHA, "a2@example.com"]

    def test_a_track_of_a_known_user_is_due_as_a_custom_event_and_others_are_dropped(
        self, book: Book
    ) -> None:
        track = {"type": "track", "event": "Paid"}
        self.identify(book, message_id="m0", user_id="u9", **track)
        self.identify(book)
        self.identify(book, message_id="m2", **track)

        assert shape(book.dues())[1:] == [("mailmodo event", "Paid", ASHA)]

    @pytest.mark.parametrize(("source", "destination"), [("web", "Mailmodo"), ("mobile", "Warehouse")])
    def test_what_segment_keeps_from_the_destination_is_not_due(
        self, book: Book, source: str, destination: str
    ) -> None:
        message: dict[str, Any] = {"message_id": "m1", "type": "identify", "traits": {"email": ASHA}}
        book.tell("segment", "message_accepted", source=source, **message)
        book.tell("segment", "message_filtered", message_id="m1", destination=destination)

        assert book.dues() == []

    def test_what_segment_failed_to_hand_over_is_due_all_the_same(self, book: Book) -> None:
        message: dict[str, Any] = {"message_id": "m1", "type": "identify", "traits": {"email": ASHA}}
        book.tell("segment", "message_accepted", source="web", **message)
        book.tell("segment", "delivery_failed", message_id="m1", destination="Mailmodo")

        assert shape(book.dues()) == [("mailmodo contact", "contact", ASHA)]

    def test_a_track_that_overtook_its_identify_on_the_way_is_dropped(self, book: Book) -> None:
        identify: dict[str, Any] = {
            "source": "web",
            "user_id": "u1",
            "type": "identify",
            "traits": {"email": ASHA},
        }
        track: dict[str, Any] = {"source": "web", "user_id": "u1", "type": "track", "event": "Paid"}
        book.tell("segment", "message_accepted", message_id="m1", **identify)
        book.tell("segment", "message_accepted", message_id="m2", **track)
        for message in ("m2", "m1"):
            book.tell("segment", "message_delivered", message_id=message, destination="Mailmodo")

        assert shape(book.dues()) == [("mailmodo contact", "contact", ASHA)]


class TestOtherSources:
    @pytest.mark.parametrize(
        ("kind", "name"),
        [
            ("sent", "Email Delivered"),
            ("open", "Email Opened"),
            ("click", "Email Link Clicked"),
            ("bounce", "Email Bounced"),
            ("unsub", "Email Unsubscribed"),
            ("spam", "Email Marked as Spam"),
        ],
    )
    def test_mailjets_six_events(self, book: Book, kind: str, name: str) -> None:
        book.tell("mailjet", kind, MessageID=7, url="https://shop.example")

        (due,) = book.dues()

        assert shape([due]) == [("segment/mailjet", name, f"anonymous {ASHA}")]
        assert due.values == {
            "email_id": "7",
            "context.traits.email": ASHA,
            "link_url": "https://shop.example",
        }

    def test_what_mailjet_blocks_is_no_event(self, book: Book) -> None:
        book.tell("mailjet", "blocked", MessageID=7)

        assert book.dues() == []

    @pytest.mark.parametrize(
        ("payload", "subject"),
        [
            ('{"user_id": "u1"}', "user u1"),
            ('{"userId": "u2"}', "user u2"),
            ("not json", f"anonymous {ASHA}"),
            ("[1]", f"anonymous {ASHA}"),
            ('{"user_id": null}', f"anonymous {ASHA}"),
            (None, f"anonymous {ASHA}"),
        ],
    )
    def test_mailjets_payload_may_name_the_user(self, book: Book, payload: str | None, subject: str) -> None:
        book.tell("mailjet", "open", MessageID=7, Payload=payload)

        assert book.dues()[0].subject == subject

    @pytest.mark.parametrize(
        ("kind", "name"),
        [
            ("delivered", "Email Delivered"),
            ("opened", "Email Opened"),
            ("clicked", "Email Link Clicked"),
            ("bounced", "Email Bounced"),
            ("unsubscribed", "Email Unsubscribed"),
            ("spammed", "Email Marked as Spam"),
        ],
    )
    def test_customerios_six_events(self, book: Book, kind: str, name: str) -> None:
        book.tell("customerio", kind, delivery_id="d1", identifiers={"id": "u1"}, href="https://a.example")

        (due,) = book.dues()

        assert shape([due]) == [("segment/customerio", name, "user u1")]
        assert due.values["email_id"] == "d1"

    @pytest.mark.parametrize(
        ("details", "subject"),
        [
            ({"identifiers": {"id": ""}, "customer_id": "c1"}, "user c1"),
            ({"identifiers": {"email": ASHA}}, f"anonymous {ASHA}"),
            ({"identifiers": None}, f"anonymous {ASHA}"),
        ],
    )
    def test_customerios_people_without_an_id_are_anonymous(
        self, book: Book, details: dict[str, Any], subject: str
    ) -> None:
        book.tell("customerio", "opened", delivery_id="d1", **details)

        assert book.dues()[0].subject == subject

    @pytest.mark.parametrize("kind", ["drafted", "sent", "dropped", "failed", "person_stored"])
    def test_other_metrics_are_no_event(self, book: Book, kind: str) -> None:
        book.tell("customerio", kind, delivery_id="d1")

        assert book.dues() == []


class TestEffects:
    def test_only_what_the_bridge_brought_is_an_effect(self, book: Book) -> None:
        for sender in ("bridge", "app", "mailmodo"):
            book.tell("clevertap", "event_stored", cause=book.call(sender), name=f"by {sender}")
        book.tell("clevertap", "event_stored", name="system event")

        assert shape(book.effects()) == [("clevertap", "by bridge", ASHA)]

    def test_effects_say_where_on_whom_when_and_with_what(self, book: Book) -> None:
        cause = book.call()
        book.at = START + timedelta(seconds=99)
        book.tell("clevertap", "event_stored", cause=cause, name="MM Email Opened", properties={"a": 1})

        (effect,) = book.effects()

        assert (effect.at, effect.recorded_at) == (
            START + timedelta(seconds=60),
            START + timedelta(seconds=99),
        )
        assert (effect.values, effect.cause, effect.person) == ({"a": 1}, cause, ASHA)

    @pytest.mark.parametrize(
        ("vendor", "kind", "details", "wanted"),
        [
            ("segment", "message_accepted", {"source": "mailjet", "event": "Email Opened", "user_id": "u1"},
             [("segment/mailjet", "Email Opened", "user u1")]),
            ("segment", "message_accepted", {"source": "mailjet", "type": "identify", "anonymous_id": ASHA},
             [("segment/mailjet", "identify", f"anonymous {ASHA}")]),
            ("mailmodo", "campaign_triggered", {"campaign_name": "nps"}, [("mailmodo campaign", "nps", ASHA)]),
            ("mailmodo", "contact_stored", {"list_name": "Segment"}, [("mailmodo contact", "contact", ASHA)]),
            ("mailmodo", "contact_stored", {"list_name": ""}, []),
            ("mailmodo", "custom_event_stored", {"name": "Paid"}, [("mailmodo event", "Paid", ASHA)]),
            ("mailmodo", "email_opened", {}, []),
        ],
    )  # fmt: skip
    def test_each_vendor_has_its_own_effects(
        self, book: Book, vendor: str, kind: str, details: dict[str, Any], wanted: list[tuple[str, str, str]]
    ) -> None:
        book.tell(vendor, kind, cause=book.call(), **details)

        assert shape(book.effects()) == wanted


def test_webhooks_to_the_bridge_are_found_by_what_caused_them(book: Book) -> None:
    book.call("mailmodo", "bridge", kind="webhook", cause="e9")
    book.call("mailmodo", "elsewhere", kind="webhook", cause="e9")
    book.call("mailmodo", "bridge", kind="webhook")
    book.call("mailmodo", "bridge", cause="e9")

    found = engagement_webhooks(book.journal, "bridge")

    assert [(cause, len(exchanges)) for cause, exchanges in found.items()] == [("e9", 1)]


def test_dues_and_effects_of_one_open_balance(book: Book) -> None:
    book.tell("clevertap", "profile_stored", object_id="_o1")
    book.tell("mailmodo", "email_opened", clevertap_id="_o1", at_s=60.4, **TestMailmodoActivity.DETAILS)
    whole_second: datetime = START + timedelta(seconds=60)
    properties = {"campaign_name": "nps-march", "template_name": "NPS: Survey! $1"}
    cause = book.call()
    book.journal.fact(
        Fact(
            vendor="clevertap",
            kind="event_stored",
            subject=ASHA,
            at=whole_second,
            details={"name": "MM Email Opened", "properties": properties},
            cause=cause,
        )
    )

    assert balance(book.dues(), book.effects(), tolerance_s=TOLERANCE_S).result.is_balanced
