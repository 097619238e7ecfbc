"""Ways to break the bridge from outside, each with the test that catches it.

Each break takes one promise away by a patch; the bridge itself has no switch for any of them.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from aiohttp import ClientSession

from bridge import ingest
from bridge.delivery import Dispatcher
from bridge.destinations import Verdict, What, base, clevertap, mailmodo, segment
from bridge.destinations.base import all_alike
from bridge.errors import StoreUnavailable, Unreadable
from bridge.event_types import EventTypes
from bridge.pacing import Pace
from bridge.pausing import Pausing
from bridge.routing import Router, router
from bridge.settling import Settler
from bridge.sources import clevertap as clevertap_source
from bridge.sources.customerio import CustomerIoSource
from bridge.store import Plan, sqlite_outbox
from tests.bridge import test_app, test_delivery, test_event_types, test_outcomes

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

__all__ = ["BREAKS", "SCENARIO_BREAKS", "Break"]

SCENARIO_BREAKS = {
    "a kind of event is dropped": "test_a_dropped_kind_of_event_is_missing_for_each_person",
    "an event is sent twice": "test_an_event_sent_twice_is_doubled",
    "an event goes to another profile": "test_an_event_on_the_wrong_profile_is_misrouted",
    "an event has another name": "test_a_misnamed_event_is_told_with_both_names",
    "an event has another time": "test_a_shifted_timestamp_is_late_by_how_much",
}
"""Breaks that the scenario `survey_follow_up.yaml` catches, and the tests that show it."""


@dataclass(frozen=True, slots=True)
class Break:
    """One way to break the bridge.

    Attributes:
        name: What is broken.
        apply: Breaks it.
        catcher: The test that must fail then.
        arguments: What the test is called with.
    """

    name: str
    apply: Callable[[pytest.MonkeyPatch], None]
    catcher: Callable[..., Any]
    arguments: tuple[Any, ...] = ()


def _answer_though_nothing_is_stored(patch: pytest.MonkeyPatch) -> None:
    take = ingest.Ingest.take

    async def lie(self: Any, source: Any, incoming: Any) -> tuple[bool, ...]:
        with suppress(StoreUnavailable):
            return await take(self, source, incoming)
        return (True,)

    patch.setattr(ingest.Ingest, "take", lie)


def _lose_outcomes(patch: pytest.MonkeyPatch) -> None:
    plan = Router.plan

    def first_only(self: Any, intake: Any, identities: Any) -> Plan:
        whole = plan(self, intake, identities)
        return replace(whole, outcomes=whole.outcomes[:1])

    patch.setattr(Router, "plan", first_only)


def _forget_keys(patch: pytest.MonkeyPatch) -> None:
    make, number = ingest.make_intakes, count()

    def afresh(*arguments: Any) -> Any:
        return [replace(each, dedup_key=str(next(number))) for each in make(*arguments)]

    patch.setattr(ingest, "make_intakes", afresh)


def _drop_what_cannot_be_read(patch: pytest.MonkeyPatch) -> None:
    def read(source: Any, incoming: Any) -> Any:
        try:
            return source.read(incoming)
        except Unreadable:
            return ()

    patch.setattr(ingest, "read_pieces", read)


def _believe_everybody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CustomerIoSource, "authenticate", lambda _self, _incoming: None)


def _send_test_calls(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(clevertap_source, "_is_true", lambda _value: False)


def _repeat_triggers(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(mailmodo, "judge_failure", lambda _failed, _guarantee: Verdict(What.RETRY, "no answer"))


def _send_without_saying_so(patch: pytest.MonkeyPatch) -> None:
    async def start(_self: Any, deliveries: Any) -> Any:
        return deliveries

    patch.setattr(Dispatcher, "_start", start)


def _settle_under_any_fence(patch: pytest.MonkeyPatch) -> None:
    statement = sqlite_outbox._SETTLE.replace("AND fence = ?7 AND state = 'claimed'", "AND ?7 = ?7")
    assert statement != sqlite_outbox._SETTLE
    patch.setattr(sqlite_outbox, "_SETTLE", statement)


def _take_partial_for_whole(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        clevertap,
        "judge_records",
        lambda deliveries, _answer: all_alike(deliveries, Verdict(What.DELIVERED)),
    )


def _abort_partial(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        clevertap,
        "judge_records",
        lambda deliveries, _answer: all_alike(deliveries, Verdict(What.DEAD, "aborted")),
    )


def _bury_whole_batches(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        segment, "judge_status", lambda answer, _guarantee: Verdict(What.DEAD, f"http_{answer.status}")
    )


def _bury_for_credentials(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        clevertap, "judge_status", lambda answer, _guarantee: Verdict(What.DEAD, f"http_{answer.status}")
    )


def _ignore_retry_after(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(base, "wait_asked_s", lambda _answer: None)


def _forget_pauses(patch: pytest.MonkeyPatch) -> None:
    async def load(_self: Any) -> None:
        return None

    patch.setattr(Pausing, "load", load)


def _ignore_the_rate(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Pace, "free", lambda _self, _now_s: None)
    patch.setattr(Pace, "wait_s", lambda _self, _now_s: 0.0)


def _believe_the_status(patch: pytest.MonkeyPatch) -> None:
    def judge(_self: Any, deliveries: Any, _end: Any) -> list[Verdict]:
        return all_alike(deliveries, Verdict(What.DELIVERED))

    patch.setattr(mailmodo.MailmodoDestination, "judge", judge)


def _follow_redirects(patch: pytest.MonkeyPatch) -> None:
    request = ClientSession.request

    def follow(self: Any, method: str, url: Any, **more: Any) -> Any:
        return request(self, method, url, **{**more, "allow_redirects": True})

    patch.setattr(ClientSession, "request", follow)


def _mix_order(patch: pytest.MonkeyPatch) -> None:
    send = router._send
    patch.setattr(router, "_send", lambda *arguments, **more: send(*arguments, **{**more, "lane": ""}))


def _change_repeats(patch: pytest.MonkeyPatch) -> None:
    call, number = segment.SegmentDestination.call, count()

    def renamed(self: Any, deliveries: Any) -> Any:
        made = call(self, deliveries)
        return replace(made, body=made.body.replace(b'"messageId":"', b'"messageId":"%d-' % next(number)))

    patch.setattr(segment.SegmentDestination, "call", renamed)


def _never_give_up(patch: pytest.MonkeyPatch) -> None:
    begin = Settler.__init__

    def endless(self: Any, name: str, guarantees: Any, *, settings: Any, random: Any) -> None:
        begin(self, name, guarantees, settings=replace(settings, age_limit_s=1e12), random=random)

    patch.setattr(Settler, "__init__", endless)


def _send_any_event_type(patch: pytest.MonkeyPatch) -> None:
    async def pass_all(_self: Any, deliveries: Any) -> Any:
        return deliveries, ()

    patch.setattr(EventTypes, "sort_out", pass_all)


def _cut_off_at_once(patch: pytest.MonkeyPatch) -> None:
    stop = Dispatcher.stop

    async def without_grace(self: Any, *, grace_s: float) -> None:
        await stop(self, grace_s=0)

    patch.setattr(Dispatcher, "stop", without_grace)


BREAKS = (
    Break(
        "2xx though nothing is stored",
        _answer_though_nothing_is_stored,
        test_app.test_a_full_disk_is_503_with_retry_after_and_nothing_is_half_stored,
    ),
    Break(
        "outcomes of an event are lost", _lose_outcomes, test_app.test_one_webhook_of_every_source_is_stored
    ),
    Break(
        "repeats are taken for new",
        _forget_keys,
        test_app.test_a_repeated_webhook_is_answered_200_and_delivered_once,
    ),
    Break(
        "what cannot be read is dropped",
        _drop_what_cannot_be_read,
        test_app.test_authentic_nonsense_is_stored_with_its_bytes_and_answered_200,
        (b"{",),
    ),
    Break(
        "no signature is checked",
        _believe_everybody,
        test_app.test_no_proof_is_401_and_nothing_is_stored,
        ("/sources/customerio",),
    ),
    Break(
        "a test call sends a campaign",
        _send_test_calls,
        test_app.test_the_saved_webhooks_test_call_is_200_and_no_email,
    ),
    Break(
        "a trigger is repeated after a cut connection",
        _repeat_triggers,
        test_delivery.test_a_trigger_whose_end_is_unknown_is_uncertain_and_never_sent_again,
        (test_delivery.cut_off,),
    ),
    Break(
        "a trigger leaves before the store knows",
        _send_without_saying_so,
        test_outcomes.test_a_trigger_whose_claim_passed_on_is_not_sent,
    ),
    Break(
        "a late worker settles",
        _settle_under_any_fence,
        test_delivery.test_a_settlement_after_the_claim_passed_on_changes_nothing,
    ),
    Break(
        "a partial answer counts as whole",
        _take_partial_for_whole,
        test_delivery.test_a_partial_answer_settles_each_record,
    ),
    Break(
        "a partial answer aborts the batch",
        _abort_partial,
        test_delivery.test_a_record_that_may_pass_later_is_sent_again_alone,
    ),
    Break(
        "one bad record kills its batch",
        _bury_whole_batches,
        test_outcomes.test_a_refused_batch_is_halved_down_to_its_culprit_whoever_it_is,
        (400, 3),
    ),
    Break(
        "refused credentials kill deliveries",
        _bury_for_credentials,
        test_delivery.test_refused_credentials_pause_the_destination_and_a_probe_resumes_it,
        (401,),
    ),
    Break(
        "Retry-After is ignored",
        _ignore_retry_after,
        test_delivery.test_retry_after_leaves_the_whole_destination_alone,
        ({"Retry-After": "120"},),
    ),
    Break(
        "a restart ends a pause",
        _forget_pauses,
        test_outcomes.test_a_pause_outlasts_a_restart,
    ),
    Break(
        "the rate of the plan is ignored",
        _ignore_the_rate,
        test_delivery.test_calls_keep_the_rate_that_the_plan_allows,
    ),
    Break(
        "a 200 with success false counts",
        _believe_the_status,
        test_delivery.test_a_trigger_that_the_vendor_refuses_is_dead_whatever_the_status,
        (200,),
    ),
    Break(
        "redirects are followed", _follow_redirects, test_outcomes.test_a_redirect_is_never_followed, (307,)
    ),
    Break(
        "a track overtakes its identify",
        _mix_order,
        test_delivery.test_a_track_waits_for_the_identify_of_the_same_person_and_nobody_elses,
    ),
    Break(
        "a repeat has another messageId",
        _change_repeats,
        test_delivery.test_a_connection_lost_on_the_way_is_tried_again_where_it_may_be,
        (test_delivery.cut_off,),
    ),
    Break("nothing ever expires", _never_give_up, test_delivery.test_a_delivery_too_old_is_dead),
    Break(
        "a stop cuts off what is in flight",
        _cut_off_at_once,
        test_delivery.test_a_stop_finishes_what_is_in_flight_and_keeps_the_rest,
    ),
    Break(
        "event types are not counted",
        _send_any_event_type,
        test_event_types.test_a_name_that_would_be_one_too_many_is_dead_and_the_others_are_delivered,
    ),
)
