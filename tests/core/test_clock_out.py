"""The clock that we send: a tick at every pulse, and who counts them is where we are."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from support.laws import slow_law
from support.stage import BEAT, BEAT_NS, Sent, Stage, settings_with

from livegen.core.midi import CLOCK, CONTINUE, START, STOP, Realtime, SongPosition

PERIOD_NS = BEAT_NS / BEAT
BAR = 4 * BEAT
TICK = Realtime(CLOCK)


class Follower:
    """A drum machine that goes by our clock."""

    def __init__(self) -> None:
        self.running = False
        self.song_pulse = 0
        """Of the next tick."""

    def hear(self, sent: list[Sent]) -> None:
        for one in sent:
            match one.message:
                case Realtime(status) if status == CLOCK and self.running:
                    self.song_pulse += 1
                case Realtime(status) if status == START:
                    self.running, self.song_pulse = True, 0
                case Realtime(status) if status == CONTINUE:
                    self.running = True
                case Realtime(status) if status == STOP:
                    self.running = False
                case SongPosition(sixteenths):
                    assert not self.running, "a song position is for those that stand"
                    self.song_pulse = sixteenths * 6


def clock_of(sent: list[Sent]) -> list[Sent]:
    return [one for one in sent if isinstance(one.message, Realtime | SongPosition)]


def test_none_is_sent_unless_wanted() -> None:
    stage = Stage(settings_with())
    stage.advance(8)
    assert not stage.sent


def test_a_tick_a_pulse_each_due_at_its_own_place() -> None:
    """Also after a stall: what was due is sent, and says when."""
    stage = Stage(settings_with(clock__send=True))
    stage.tick()
    stage.advance(3)
    stage.sleep(200_000_000)
    stage.advance(2)
    due = [one.due_ns for one in stage.sent if one.message == TICK]
    assert due == [round(index * PERIOD_NS) for index in range(len(due))]
    assert len(due) == int(stage.pulse) + 1


def test_the_followers_start_with_a_bar() -> None:
    stage = Stage(settings_with())
    stage.advance(1.3)
    stage.change(clock__send=True)
    stage.advance(4)
    messages = clock_of(stage.sent)
    (start,) = [index for index, one in enumerate(messages) if one.message == Realtime(START)]
    first = messages[start + 1]
    assert (first.message, first.due_ns) == (TICK, BAR * PERIOD_NS)
    assert abs(first.due_ns - messages[start].due_ns - PERIOD_NS / 2) < 2


def test_they_stop_when_it_ends_or_is_not_wanted_any_more() -> None:
    for end in (lambda stage: stage.change(clock__send=False), Stage.close):
        stage = Stage(settings_with(clock__send=True))
        stage.tick()
        stage.advance(5)
        assert clock_of(end(stage))[-1].message == Realtime(STOP)
    stage.advance(3)
    assert not [one for one in stage.sent if one.time_ns > 6 * BEAT_NS]


def test_a_tempo_change_moves_the_ticks_that_are_to_come() -> None:
    stage = Stage(settings_with(clock__send=True))
    stage.tick()
    stage.advance(2)
    stage.change(tempo__bpm=60)
    stage.advance(2)
    due = [one.due_ns for one in stage.sent if one.message == TICK]
    gaps = [later - earlier for earlier, later in pairwise(due)]
    assert abs(gaps[0] - PERIOD_NS) < 2
    assert abs(gaps[-1] - 2 * PERIOD_NS) < 2


@slow_law
@given(
    acts=st.lists(
        st.tuples(st.integers(1, 130), st.sampled_from([None, START, STOP, CONTINUE, 0, 3, 17, 64])), min_size=1, max_size=6
    )
)
def test_who_follows_us_is_where_the_clock_is_that_we_follow(acts: list[tuple[int, int | None]]) -> None:
    """A clock comes in, with starts, stops and song positions, and goes out again."""
    stage = Stage(settings_with(clock__source="midi", clock__send=True))
    leader, follower = Follower(), Follower()
    stage.receive(Realtime(START))
    leader.running = True
    for ticks, then in acts:
        for _ in range(ticks):
            before = len(stage.sent)
            stage.advance_to_ns(stage.now_ns + round(PERIOD_NS))
            stage.receive(TICK)
            leader.song_pulse += leader.running
            follower.hear(stage.sent[before:])
        before = len(stage.sent)
        match then:
            case int() if then < START and not leader.running:
                stage.receive(SongPosition(then))
                leader.song_pulse = then * 6
            case int() if then >= START and (then != CONTINUE or not leader.running):
                stage.receive(Realtime(then))
                leader.running = then != STOP
                leader.song_pulse = 0 if then == START else leader.song_pulse
        follower.hear(stage.sent[before:])
        if not leader.running:
            assert not follower.running
    if leader.running:
        for _ in range(BAR):
            before = len(stage.sent)
            stage.advance_to_ns(stage.now_ns + round(PERIOD_NS))
            stage.receive(TICK)
            leader.song_pulse += 1
            follower.hear(stage.sent[before:])
        if follower.running:
            # One tick is on its way at most.
            assert abs((follower.song_pulse - leader.song_pulse + BAR // 2) % BAR - BAR // 2) <= 1
