"""Requests and answers that the notes on Mailmodo show, row by row; what takes more is in `test_worked_examples`.

`<campaign>` and the like in a request stand for the ids of the account: `names` has them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fakes.mailmodo import Block, Entry, EntryKind, MailmodoSettings, Wait
from tests.fakes.mailmodo.account import DEFAULTS, NEWS
from tests.support.notes import Like

if TYPE_CHECKING:
    from tests.fakes.mailmodo.account import Account

    Request = tuple[str, str, Any]

EMAIL: Final = "asha@example.com"
SITE: Final = "https://brand.example"
UUID4: Final = Like(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
UUID5: Final = Like(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NOW: Final = "2026-03-02T03:30:00.000Z"
NOBODY: Final = "00000000-0000-4000-8000-000000000000"
NOT_VALID: Final = "The provided email is not a valid email id"
SCHEDULED: Final = {"success": True, "message": "Email scheduled successfully", "ref": UUID4}
STORED: Final = {"success": True, "message": "The contact is successfully added/updated"}
NO_CAMPAIGN: Final = {
    "success": False,
    "message": "No campaign Found for the campaignId in Trigger URL, Please check apiKey or campaignId",
}
NO_ADDRESS: Final = {"success": False, "message": "Email address doesn't exist"}
UNROUTED: Final = {"error": "error", "message": "Some Internal Error Occurred: 404"}
WHO: Final = {"email": EMAIL}
SHOWN_SCHEDULED: Final = '{"success": true, "message": "Email scheduled successfully", "ref": "<uuid>"}'
SHOWN_STORED: Final = '{"success": true, "message": "The contact is successfully added/updated"}'
SHOWN_VALIDATION: Final = (
    '{"error": "ValidationError", "success": false, "status": "error", "message": "..."}'
)
SHOWN_UNROUTED: Final = '{"error": "error", "message": "Some Internal Error Occurred: 404"}'
SHOWN_NO_CAMPAIGN: Final = (
    "No campaign Found for the campaignId in Trigger URL, Please check apiKey or campaignId"
)
SHOWN_FORMS: Final = (
    "{formId, steps:[{stepId, buttonText, btnRequired, elements:[{type, inputType, elementId, title, required, "
    "placeholder?, properties?{border-color,border-width}, choices?[], maxRating?, mode?, otherOptionEnabled?}]}]}"
)
SHOWN_CAMPAIGNS: Final = (
    '{"campaigns": [{campaignType, templateId, scheduledAt, id, campaignName, status, emailType, senderEmail, '
    "subjects[], createdAt, triggerAppName?, creationSource?, isShopify...Campaign?}]}"
)
SHOWN_TEMPLATES: Final = (
    '{"templateDetails": [{id, name, created_at, updated_at, format, type, personalization_data[], thumbnail_url, '
    "created_by, state, is_uploaded}]}"
)
SHOWN_LISTS: Final = (
    '{"listDetails": [{"id", "name", "created_at", "contacts_count", "type", "last_updated_at"}]}'
)
SHOWN_CONTACT: Final = (
    "{contactIdentifier, email, data{...}, blocked, blockedReason?, unsubscribed, unsubscribeReason?, "
    "unsubscribedEmailTypes[]}"
)
SHOWN_BATCH: Final = (
    '{"message": "Some contacts were not added to the list", "errors": [{"email": "x@y", "failure reason": '
    '"email\\" is invalid. Enter a valid email!"}], "warnings": [{"email","warning"}], "listId": "<uuid>"}'
)
SHOWN_CHANNELS: Final = (
    '{"message": "Invalid channels found: <x>. Please choose a correct channel", "validChannels": '
    '["Promotional","Transactional"]}'
)
ELEMENTS: Final[tuple[dict[str, Any], ...]] = (
    {"type": "single-line", "inputType": "text", "elementId": "element6ehxt3", "title": "Name", "required": True,
     "placeholder": "Your name", "properties": {"border-color": "#000", "border-width": "1px"}},
    {"type": "single-select", "inputType": "radio", "elementId": "elementaaaaaa", "title": "Size", "required": False,
     "choices": ["S", "M"], "otherOptionEnabled": True},
    {"type": "multi-select", "inputType": "checkbox", "elementId": "elementbbbbbb", "title": "Days", "required": False,
     "choices": ["Mon", "Tue"]},
    {"type": "rating", "inputType": "star", "elementId": "elementcccccc", "title": "Stars", "required": False, "maxRating": 5},
    {"type": "nps", "inputType": "box", "elementId": "elementdddddd", "title": "Score", "required": False},
    {"type": "date-picker", "inputType": "date", "elementId": "elementeeeeee", "title": "When", "required": False,
     "mode": "single"},
)  # fmt: skip
FORMS: Final = [
    {
        "formId": "<template form>",
        "steps": [
            {
                "stepId": "step7tr7n2",
                "buttonText": "Send",
                "btnRequired": True,
                "elements": list(ELEMENTS),
            },
            {"stepId": "success", "elements": [{"type": "success", "elementId": "elementffffff"}]},
        ],
    }
]


@dataclass(frozen=True, slots=True)
class Example:
    """One request and its answer.

    Attributes:
        section: Of the notes.
        shows: Word for word what the notes show and this request or answer has.
        request: Method, path and body.
        answer: Status and body, whole.
        keys: What the notes show of which this request or answer has every key that must be there.
        given: Requests before it.
        settings: Of the account.
        key: Instead of the account's key; empty for none.
        headers: Sent besides.
    """

    section: str
    shows: tuple[str, ...]
    request: Request
    answer: tuple[int, Any]
    keys: tuple[str, ...] = ()
    given: tuple[Request, ...] = ()
    settings: MailmodoSettings = DEFAULTS
    key: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


def validation(message: str | Like) -> tuple[int, Any]:
    return 400, {"error": "ValidationError", "success": False, "status": "error", "message": message}


def post(path: str, body: Any) -> Request:
    return "POST", f"/api/v1/{path}", body


def get(path: str) -> Request:
    return "GET", f"/api/v1/{path}", None


def names(mailmodo: Account) -> dict[str, str]:
    """Add to the account what has no place in every account, and give the ids of all."""
    state = mailmodo.fake.state
    journey = mailmodo.fake.journeys.add("Welcome", entry=Entry(EntryKind.API), cards=[Wait(60)])
    form = state.add_sign_up_form("Newsletter", list_name="News", origins=[SITE])
    bulk = state.add_campaign(name="bulk", template="News", subject="News", campaign_type="CONTACT_LIST")
    shop = state.add_template(
        type(NEWS)(name="Shop", email_type="AMP", blocks=(Block("product", "<b>${title}</b>"),))
    )
    blocks = state.add_campaign(name="shop", template="Shop", subject="Shop")
    state.add_segment("Segment")
    vips = state.open_list("VIPs")
    return {
        "campaign": mailmodo.survey.id,
        "token": mailmodo.survey.token,
        "template form": mailmodo.form_id,
        "bulk": bulk.id,
        "blocks": blocks.id,
        "block": next(iter(shop.blocks)),
        "journey": journey.id,
        "form": form.id,
        "form token": form.token,
        "list": vips.id,
    }


def filled(value: Any, by_name: dict[str, str]) -> Any:
    """Put the account's ids in."""
    text = json.dumps(value)
    for name, found in by_name.items():
        text = text.replace(f"<{name}>", found)
    return json.loads(text)


BATCH: Final = {"listName": "VIPs", "values": [WHO]}
EVENT: Final = {
    "email": EMAIL,
    "event_name": "Signed up",
    "event_properties": {"amount": 829, "is_new": False},
}
REPORT: Final = {
    "campaignId": "<campaign>",
    "campaignType": "TRIGGERED",
    "campaignName": "nps-march",
    "status": "Triggered",
    "senderEmail": "hello@brand.example",
    "subjects": ["How are we doing, ${first_name}?"],
    "createdAt": NOW,
    "scheduledAt": NOW,
    "bounced": 0,
    "complaints": 0,
    "submission": 0,
    "unsubscribed": 0,
    "blocked": 0,
    "scheduled": 1,
    "sent": 1,
    "delivered": 1,
    "clicks": 0,
    "ampClicks": 0,
    "htmlClicks": 0,
    "ampOpens": 0,
    "htmlOpens": 0,
    "opens": 0,
}

EXAMPLES: Final = [
    # 1: the envelopes
    *(
        Example(
            "1",
            ('{"Error": "<text>"}',),
            get("getAllContactLists"),
            (401, {"Error": Like(".+"), "success": False, "message": Like(".+")}),
            key=key,
        )
        for key in ("", "AAAAAAA-AAAAAAA-AAAAAAA-AAAAAAA")
    ),
    Example(
        "1",
        ('{"success": false, "message": "..."}',),
        post(f"campaignReports/{NOBODY}", {}),
        (400, {"success": False, "message": Like(".+")}),
    ),
    Example(
        "1",
        (SHOWN_VALIDATION,),
        post("addToList", {"email": "x", "listName": "VIPs"}),
        validation(NOT_VALID),
    ),
    Example(
        "1",
        ('{"message": "..."}',),
        post("addEvent", {"email": EMAIL}),
        (400, {"message": Like(".+")}),
    ),
    *(
        Example("1", (SHOWN_UNROUTED,), (method, path, {}), (404, UNROUTED))
        for method, path in (
            ("POST", "/api/v2/campaigns"),
            ("GET", "/"),
            ("POST", "/hooks/stop/1"),
            ("GET", "/a%0Ab"),
            ("GET", "/o/%0A%00.gif/x"),
        )
    ),
    Example(
        "1",
        ('{"Status":"400","message":"...","errors":[{"email","failure reason"}]}',),
        post("triggerCampaign/<campaign>", {**WHO, "subject": 3}),
        (400, {"Status": "400", "message": Like(".+"), "errors": []}),
    ),
    # 2.1
    *(
        Example("2.1", (SHOWN_SCHEDULED,), post(path, {**WHO, **body}), (200, SCHEDULED), keys=keys)
        for path, body, keys in (
            ("triggerCampaign/<campaign>", {}, ()),
            ("triggerCampaign", {"campaignId": "<campaign>"}, ()),
            ("triggerCampaign/<campaign>", {"fromEmail": "x@example.com", "replyTo": "r@example.com"}, ()),
            ("triggerCampaign/<campaign>", {"forms": FORMS}, (SHOWN_FORMS,)),
            (
                "triggerCampaign/<blocks>",
                {"blocks": [{"blockId": "<block>", "data": [{"title": "Pen"}]}]},
                ("{blockId, data:[{<var>: <string>...}]}",),
            ),
        )
    ),
    *(
        Example(
            "2.1",
            (),
            post("triggerCampaign/<campaign>", {**WHO, "addToList": name}),
            (200, {**SCHEDULED, "listId": UUID4}),
        )
        for name in ("VIPs", "A new one", "<list>")
    ),
    *(
        Example("2.1", (SHOWN_NO_CAMPAIGN,), post(f"triggerCampaign/{campaign}", WHO), (400, NO_CAMPAIGN))
        for campaign in (NOBODY, "<bulk>")
    ),
    *(
        Example(
            "2.1",
            ("The provided email is not a valid email id",),
            post("triggerCampaign/<campaign>", {"email": email}),
            answer,
            settings=settings,
        )
        for email in ("nobody", "${user_email}", "")
        for settings, answer in (
            (MailmodoSettings(), validation(NOT_VALID)),
            (
                MailmodoSettings(invalid_email_status=200),
                (200, {"success": False, "message": NOT_VALID}),
            ),
        )
    ),
    # 2.2
    Example(
        "2.2",
        (SHOWN_SCHEDULED,),
        post("bulktriggerCampaign/<campaign>", {"listId": "<list>"}),
        (200, SCHEDULED),
        given=(post("addToList", {**WHO, "listName": "VIPs"}),),
    ),
    *(
        Example("2.2", (), post(f"bulktriggerCampaign/{campaign}", {"listId": "<list>"}), (400, NO_CAMPAIGN))
        for campaign in (NOBODY, "<bulk>")
    ),
    # 2.3 to 2.5
    Example(
        "2.3",
        (SHOWN_STORED,),
        post(
            "addToList",
            {
                **WHO,
                "listName": "New",
                "data": {"first_name": "Asha", "age": 31, "vip": True, "since": "2024-05-06"},
                "created_at": "2024-05-06T07:08:09Z",
                "last_click": 1657097786,
                "timezone": "Asia/Kolkata",
            },
        ),
        (200, STORED),
    ),
    Example(
        "2.4",
        ('{"message": "All contacts were added to the list", "listId": "<uuid>"}', 'listName: "Rudderstack"'),
        post("addToList/batch", {"listName": "Rudderstack", "values": [{**WHO, "data": {"plan": "pro"}}]}),
        (200, {"message": "All contacts were added to the list", "listId": UUID4}),
    ),
    Example(
        "2.4",
        (SHOWN_BATCH,),
        post("addToList/batch", {"listName": "VIPs", "values": [WHO, {"email": "x@y"}]}),
        (
            207,
            {
                "message": "Some contacts were not added to the list",
                "errors": [{"email": "x@y", "failure reason": 'email" is invalid. Enter a valid email!'}],
                "warnings": [],
                "listId": UUID4,
            },
        ),
    ),
    Example(
        "2.4",
        ("email should be unique in values. Found duplicates for '<addr>'",),
        post("addToList/batch", {"listName": "VIPs", "values": [WHO, WHO]}),
        validation(f"email should be unique in values. Found duplicates for '{EMAIL}'"),
    ),
    Example(
        "2.4",
        ('{"success": false, "message": "Cannot add users to static segmentation list"}',),
        post("addToList/batch", {"listName": "Segment", "values": [WHO]}),
        (400, {"success": False, "message": "Cannot add users to static segmentation list"}),
    ),
    Example(
        "2.5",
        ('{"message": "User has been successfully removed from list"}',),
        post("removeFromList", {**WHO, "listName": "VIPs"}),
        (200, {"message": "User has been successfully removed from list"}),
        given=(post("addToList", {**WHO, "listName": "VIPs"}),),
    ),
    Example(
        "2.5",
        ('{"message": "list does not exists"}',),
        post("removeFromList", {**WHO, "listName": "None"}),
        (400, {"message": "list does not exists"}),
    ),
    Example("2.5", (), post("removeFromList", {**WHO, "listName": "VIPs"}), (400, {"message": Like(".+")})),
    # 2.6 and 2.7
    Example(
        "2.6",
        (),
        get("getAllContactLists"),
        (
            200,
            {
                "listDetails": [
                    {
                        "id": UUID4,
                        "name": name,
                        "created_at": "2026-03-02T03:30:00.0000000Z",
                        "contacts_count": count,
                        "type": kind,
                        "last_updated_at": "2026-03-02T03:30:00.0000000Z",
                    }
                    for name, count, kind in (("Segment", 0, "DYNAMIC"), ("VIPs", 1, "STATIC"))
                ]
            },
        ),
        keys=(SHOWN_LISTS,),
        given=(post("addToList", {**WHO, "listName": "VIPs"}),),
    ),
    Example(
        "2.7",
        (),
        get(f"getContactDetails?email={EMAIL}"),
        (
            200,
            {
                "contactIdentifier": UUID5,
                "email": EMAIL,
                "data": {"email": EMAIL, "first_name": "Asha"},
                "blocked": False,
                "unsubscribed": False,
                "unsubscribedEmailTypes": [],
            },
        ),
        keys=(SHOWN_CONTACT,),
        given=(post("addToList", {**WHO, "listName": "VIPs", "data": {"first_name": "Asha"}}),),
    ),
    Example(
        "2.7",
        (),
        get(f"getContactDetails?email={EMAIL}"),
        (
            200,
            {
                "contactIdentifier": UUID5,
                "email": EMAIL,
                "data": {"email": EMAIL},
                "blocked": False,
                "unsubscribed": True,
                "unsubscribeReason": Like(".+"),
                "unsubscribedEmailTypes": [],
            },
        ),
        keys=(SHOWN_CONTACT,),
        given=(post("contacts/unsubscribe", WHO),),
    ),
    Example(
        "2.7",
        ("The provided email is not a valid email id",),
        get("getContactDetails?email=nobody"),
        validation(NOT_VALID),
    ),
    # 2.8 to 2.12
    Example("2.8", (SHOWN_STORED,), post("contacts/unsubscribe", WHO), (200, STORED)),
    Example(
        "2.8",
        ("The email ID is already present in the suppression list.",),
        post("contacts/unsubscribe", WHO),
        (200, {"success": True, "message": "The email ID is already present in the suppression list."}),
        given=(post("contacts/unsubscribe", WHO),),
    ),
    Example(
        "2.9",
        ('{"message": "The email ID is successfully Subscribed"}',),
        post("contacts/resubscribe", WHO),
        (200, {"message": "The email ID is successfully Subscribed"}),
        given=(post("contacts/unsubscribe", WHO),),
    ),
    Example(
        "2.10",
        ('{"message": "Subscription update is successful", "currentUnsubscribedEmailTypes": []}',),
        post("contacts/updateSubscription", {**WHO, "reSubscribeTo": ["Promotional"], "unsubscribeFrom": []}),
        (200, {"message": "Subscription update is successful", "currentUnsubscribedEmailTypes": []}),
        given=(post("addToList", {**WHO, "listName": "VIPs"}),),
    ),
    Example(
        "2.10",
        (SHOWN_CHANNELS,),
        post("contacts/updateSubscription", {**WHO, "reSubscribeTo": [], "unsubscribeFrom": ["SMS"]}),
        (
            400,
            {
                "message": "Invalid channels found: SMS. Please choose a correct channel",
                "validChannels": ["Promotional", "Transactional"],
            },
        ),
        given=(post("addToList", {**WHO, "listName": "VIPs"}),),
    ),
    Example(
        "2.11",
        ('{"success": true, "message": "The contact is successfully deleted"}',),
        ("DELETE", "/api/v1/contacts", WHO),
        (200, {"success": True, "message": "The contact is successfully deleted"}),
        keys=('{"email"}',),
        given=(post("addToList", {**WHO, "listName": "VIPs"}),),
    ),
    Example(
        "2.11",
        ("Email address doesn't exist",),
        ("DELETE", "/api/v1/contacts", WHO),
        (400, NO_ADDRESS),
    ),
    Example(
        "2.11",
        ("Email address doesn't exist",),
        ("DELETE", "/api/v1/contacts", WHO),
        (400, NO_ADDRESS),
        given=(post("addToList", {**WHO, "listName": "VIPs"}), ("DELETE", "/api/v1/contacts", WHO)),
    ),
    Example(
        "2.11",
        (),
        get(f"getContactDetails?email={EMAIL}"),
        (400, NO_ADDRESS),
        given=(post("addToList", {**WHO, "listName": "VIPs"}), ("DELETE", "/api/v1/contacts", WHO)),
    ),
    *(
        Example(
            "2.12",
            ('{"success": true, "ref": "<uuid>"}',),
            post("addEvent", {**EVENT, **time}),
            (200, {"success": True, "ref": UUID4}),
        )
        for time in ({}, {"ts": 1657097786})
    ),
    Example(
        "2.12",
        ('{"message": "<reason>"}',),
        post("addEvent", {**EVENT, "email": "x"}),
        (400, {"message": NOT_VALID}),
    ),
    Example(
        "2.12",
        (),
        ("POST", "/v1/event/Seen", {"email": EMAIL, "event_properties": {}}),
        (404, UNROUTED),
        keys=("{email, event_properties}",),
    ),
    # 2.13 to 2.15
    Example(
        "2.13",
        (),
        get("campaigns?type=CONTACT_LIST"),
        (
            200,
            {
                "campaigns": [
                    {
                        "campaignType": "CONTACT_LIST",
                        "templateId": UUID4,
                        "scheduledAt": 1772422200000,
                        "id": UUID5,
                        "campaignName": "bulk",
                        "status": "Accepted",
                        "emailType": "HTML",
                        "senderEmail": "hello@brand.example",
                        "subjects": ["News"],
                        "createdAt": 1772422200000,
                    }
                ]
            },
        ),
        keys=(SHOWN_CAMPAIGNS,),
    ),
    Example(
        "2.14",
        (),
        post("campaignReports/<campaign>", {"fromDate": "2026-03-02", "toDate": "2026-03-02"}),
        (200, REPORT),
        given=(post("triggerCampaign/<campaign>", WHO),),
    ),
    # 2.16 and 2.17
    Example(
        "2.16",
        ('{success: true, message: "journey Executed", ref: "<instance uuid>"}',),
        ("POST", "/hooks/start/<journey>", {**WHO, "data": {"first_name": "Asha"}}),
        (200, {"success": True, "message": "journey Executed", "ref": UUID4}),
    ),
    Example(
        "2.16",
        ('{success: false, message: "Tried executing journey and Failed"}',),
        ("POST", "/hooks/start/<journey>", WHO),
        (400, {"success": False, "message": "Tried executing journey and Failed"}),
        given=(("POST", "/hooks/start/<journey>", WHO),),
    ),
    Example(
        "2.16",
        (),
        ("POST", "/hooks/start/<journey>", {**WHO, "allowDuplicateEmail": True}),
        (200, {"success": True, "message": "journey Executed", "ref": UUID4}),
        given=(("POST", "/hooks/start/<journey>", WHO),),
    ),
    Example(
        "2.16",
        (),
        ("POST", "/hooks/abort/<journey>", {**WHO, "reason": "left"}),
        (200, {"success": True, "message": Like(".+")}),
        keys=("{success: true, message}",),
        given=(("POST", "/hooks/start/<journey>", WHO),),
    ),
    Example(
        "2.16",
        ('{success: false, status: "error", message: "The provided email is not a valid email id"}',),
        ("POST", "/hooks/abort/<journey>", {"email": "x"}),
        (400, {"success": False, "status": "error", "message": NOT_VALID}),
    ),
    Example(
        "2.17",
        ('{"email": ...}',),
        post("at/c/<token>/<campaign>", WHO),
        (200, SCHEDULED),
        key="",
    ),
    Example(
        "2.17",
        (),
        post("at/f/<form token>/<form>", {**WHO, "data": {"first_name": "Asha"}}),
        (200, STORED),
        keys=('{"email", "data": {...}}',),
        key="",
        headers=(("Origin", SITE),),
    ),
    # 7: the choices
    Example(
        "7",
        ('{"Error": "<text>", "success": false, "message": "<text>"}',),
        post("triggerCampaign/<campaign>", WHO),
        (403, {"Error": Like(".+"), "success": False, "message": Like(".+")}),
        key="wrong",
        settings=MailmodoSettings(bad_key_status=403),
    ),
    *(
        Example("7", (json.dumps(NO_CAMPAIGN),), post(path, WHO), (400, NO_CAMPAIGN), key="")
        for path in (f"at/c/<token>/{NOBODY}", "at/c/0000000000/<campaign>")
    ),
    Example(
        "7",
        (json.dumps(NO_CAMPAIGN),),
        post("triggerCampaign", {**WHO, "campaignId": NOBODY}),
        (400, NO_CAMPAIGN),
    ),
    Example(
        "7",
        (),
        post(
            "addToList/batch",
            {"listName": "VIPs", "values": [{"email": f"p{n}@example.com"} for n in range(101)]},
        ),
        validation(Like(".+")),
    ),
    Example(
        "7",
        (),
        post("bulktriggerCampaign/<campaign>", {"listId": "<list>"}),
        (400, {"success": False, "message": Like(".+")}),
        given=(post("bulktriggerCampaign/<campaign>", {"listId": "<list>"}),),
    ),
    Example(
        "7",
        (),
        post("bulktriggerCampaign/<campaign>", {"listId": "<list>", "idempotencyKey": "k2"}),
        (200, SCHEDULED),
        given=(post("bulktriggerCampaign/<campaign>", {"listId": "<list>", "idempotencyKey": "k1"}),),
    ),
    *(
        Example("7", (json.dumps(NO_ADDRESS),), request, (400, NO_ADDRESS))
        for request in (get("getContactDetails?email=x@example.com"), ("DELETE", "/api/v1/contacts", WHO))
    ),
    Example("7", (), post(f"campaignReports/{NOBODY}", {}), (400, {"success": False, "message": Like(".+")})),
    Example(
        "7",
        (),
        post("triggerCampaign/<campaign>", WHO),
        (200, SCHEDULED),
        given=(post("contacts/unsubscribe", WHO),),
    ),
    Example(
        "7",
        (SHOWN_STORED,),
        post("at/f/<form token>/<form>", WHO),
        (200, STORED),
        key="",
        given=(post("at/f/<form token>/<form>", WHO),),
    ),
    Example(
        "7",
        (),
        post("at/f/<form token>/<form>", WHO),
        (409, {"success": False, "message": Like(".+")}),
        key="",
        given=(post("at/f/<form token>/<form>", WHO),),
        settings=MailmodoSettings(repeated_signup_status=409),
    ),
    Example(
        "7",
        (),
        post("at/f/<form token>/<form>", WHO),
        (403, {"success": False, "message": Like(".+")}),
        key="",
        headers=(("Origin", "https://other.example"),),
    ),
]
"""In the order of the notes."""
