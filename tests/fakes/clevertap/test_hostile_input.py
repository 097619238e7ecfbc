"""Whatever comes in, the answer is CleverTap's own and nothing breaks inside."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.fakes.clevertap.account import account, person

LEAVES: list[Any] = [
    None, True, False, 0, -1, 1, 10**30, 1.5, -0.0, "", "0", "a@b.co", "__a", "\x00", 'ü\n"\\', "$D_99999999999", "x" * 700,
]  # fmt: skip
KEYS = [
    "type", "identity", "objectId", "FBID", "GPID", "ts", "evtName", "evtData", "profileData", "tokenData", "id",
    "keys", "Email", "Phone", "Age", "Gender", "$add", "$remove", "$incr", "$delete", "$set", "Items", "MSG-sms",
    "category-unsubscribe", "", "%", "#",
]  # fmt: skip


def anything(random: Random, depth: int = 3) -> Any:
    kind = random.randrange(4) if depth else 0
    if kind == 1:
        return [anything(random, depth - 1) for _ in range(random.randrange(4))]
    if kind >= 2:
        return {random.choice(KEYS): anything(random, depth - 1) for _ in range(random.randrange(6))}
    return random.choice(LEAVES)


def record(random: Random) -> Any:
    made = anything(random)
    if isinstance(made, dict):
        made |= {
            "type": random.choice(["event", "profile", "token"]),
            "identity": random.choice(["p1", "p2", "a@b.co"]),
            "evtName": random.choice(["A", "Charged", "B"]),
        }
        for key in ("ts", "objectId"):
            if random.random() < 0.8:
                made.pop(key, None)
        made.setdefault(random.choice(["evtData", "profileData"]), {random.choice(KEYS): anything(random)})
    return made


@pytest.mark.parametrize("seed", range(5))
async def test_uploads_of_anything_are_judged_record_by_record(seed: int) -> None:
    random = Random(seed)
    async with account() as ct:
        for _ in range(6):
            records = [record(random) for _ in range(50)]
            answer = await ct.upload(*records)
            assert answer["processed"] + len(answer["unprocessed"]) == len(records)

        for profile in ct.fake.state.profiles:
            _, answer = await ct.call("GET", f"/1/profile.json?objectId={profile.object_id}")
            assert answer["status"] == "success"
        ct.stage.recorder.check(sent=False)


@pytest.mark.parametrize("seed", range(5))
async def test_queries_of_anything_are_answered(seed: int) -> None:
    random = Random(seed)
    keys = [
        "event_name",
        "from",
        "to",
        "event_properties",
        "common_profile_properties",
        "name",
        "operator",
        "value",
    ]
    async with account() as ct:
        await ct.upload(
            person(), {"type": "event", "identity": "a@b.co", "evtName": "A", "evtData": {"n": "ü"}}
        )
        for _ in range(10):
            body = {key: anything(random) for key in random.sample(keys, 4)}
            body |= random.choice([{}, {"event_name": "A", "from": 20260301, "to": "20260303"}])
            for path in ("/1/events.json", "/1/profiles.json", "/1/send/externaltrigger.json"):
                status, answer = await ct.call("POST", path, body=body)
                assert status in (200, 400)
                assert answer["status"] in ("success", "fail")
        ct.stage.recorder.check(sent=False)
