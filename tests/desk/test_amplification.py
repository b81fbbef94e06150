"""What a forged packet gains its sender: little more than it cost, and for each host a bounded number of bytes."""

from __future__ import annotations

import random

import pytest

from livegen.core.parameters import build_registry
from livegen.desk.endpoint import MAX_REPLY_BYTES, Endpoint, Outcome, Reply
from livegen.desk.limits import ERROR_BURST, ERRORS_PER_S, REPLY_BURST_BYTES, REPLY_BYTES_PER_S
from livegen.desk.osc_codec import encode
from livegen.desk.subscriptions import DUMP_MESSAGE_BYTES

REGISTRY = build_registry(("pop", "jazz"))
VICTIM = ("192.0.2.1", 9)
SECOND_NS = 1_000_000_000
HEALTH = {f"reading/{number}": number / 7 for number in range(200)}


def endpoint() -> Endpoint:
    fresh = Endpoint(REGISTRY.defaults(), version="0.0.0", started_ns=0)
    fresh.update_health(HEALTH)
    return fresh


def sent(outcomes: list[Outcome]) -> int:
    return sum(len(one.packet) for one in outcomes if isinstance(one, Reply) and one.address == VICTIM)


QUESTIONS = {
    "a parameter": (encode("/livegen/temperature"), 3.0),
    "ping": (encode("/livegen/ping"), 4.0),
    "an error": (encode("/livegen/nonsense"), 5.0),
    "health": (encode("/livegen/health"), MAX_REPLY_BYTES / 16),
    "rubbish": (b"\0\0\0\0", 60.0),
    "subscribe": (encode("/livegen/subscribe"), DUMP_MESSAGE_BYTES * (len(list(REGISTRY)) + 1) / 20),
}


@pytest.mark.parametrize("question", list(QUESTIONS))
def test_an_answer_is_not_much_larger_than_its_question(question: str) -> None:
    """All that comes of one packet within ten seconds, in which nobody else does anything."""
    packet, most = QUESTIONS[question]
    desk = endpoint()
    size = sent(desk.receive(packet, VICTIM, 0))
    for hundredth in range(1, 1000):
        size += sent(desk.tick(hundredth * SECOND_NS // 100))
    assert 0 < size <= most * len(packet), size / len(packet)


@pytest.mark.parametrize("seed", range(3))
def test_what_one_host_can_be_sent_is_bounded_whatever_is_asked_in_its_name(seed: int) -> None:
    """Five seconds of 2,000 packets each."""
    random_, desk, size, seconds = random.Random(seed), endpoint(), 0, 5
    packets = [packet for packet, _ in QUESTIONS.values()]
    for number in range(2000 * seconds):
        now_ns = number * SECOND_NS // 2000
        size += sent(desk.receive(random_.choice(packets), VICTIM, now_ns)) + sent(desk.tick(now_ns))
    answers = REPLY_BURST_BYTES + REPLY_BYTES_PER_S * seconds
    errors = (ERROR_BURST + ERRORS_PER_S * seconds) * 400
    assert size <= answers + errors
    assert desk.health()["osc/limited"] > 0
