"""A storm of hostile packets and bytes, the same for a seed: `python -m tests.faults.storm [--count N] [--seed S]`.

A million OSC packets against the endpoint, a million MIDI messages against parser and engine, and a million packets over
UDP against a whole daemon. It prints the slowest of each, how memory grew, and what escaped; exit code 1 if anything did, if
memory grew too much, if a note hangs, or if no ping was answered afterwards. How long a message took is a figure and no
condition: it is the machine's too. So that it is less the machine's, the same storm blows three times (`--times`), and of each
message the shortest time counts.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from livegen.core.engine import Engine
from livegen.core.errors import InputError
from livegen.core.midi import MAX_SYSEX_BYTES, parse
from livegen.core.parameters import build_registry
from livegen.desk.endpoint import Endpoint, Reply
from livegen.desk.osc_codec import Argument, decode, encode

HOST = ("127.0.0.1", 9)
STEP_NS, MIDI_STEP_NS = 50_000, 500_000
"""Time that passes between two messages, on a clock of our own: 20,000 packets a second, and the flood of MIDI of row 9."""
WARM = 5_000
"""Messages before memory is measured for the first time: tables that are bounded fill up."""
MOST_GROWTH_MB = 8.0
SLOW_US = 500.0
TOGETHER = 50
"""Packets sent to the daemon before it is asked whether it lives: more would only be lost in its socket."""
PATIENCE_S = 0.05
TRIES = 400
"""Pings until a daemon counts as dead, with so much time between them: one that meets a full socket is lost too."""


@dataclass
class Outcome:
    """What came of one storm."""

    name: str
    asked: str = "a ping is answered afterwards"
    sent: int = 0
    arrived: int | None = None
    took_us: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    """Of each message."""
    slow: dict[int, bytes] = field(default_factory=dict)
    """By number: the beginnings of those that took longer than `SLOW_US`."""
    grown_mb: float = 0.0
    escaped: Counter[str] = field(default_factory=Counter)
    answered: bool = True

    @property
    def survived(self) -> bool:
        return self.answered and not self.escaped and self.grown_mb < MOST_GROWTH_MB

    def lines(self) -> Iterator[str]:
        yield f"{self.name}: {self.sent} sent, {'survived' if self.survived else 'NOT SURVIVED'}"
        if self.arrived is not None:
            yield f"  {self.arrived} packets arrived, pings with them"
        if len(self.took_us):
            p99, most = np.percentile(self.took_us, (99, 100))
            beginning = self.slow.get(int(np.argmax(self.took_us)))
            longest = "" if beginning is None else f", the longest: {beginning!r}"
            yield f"  processor time: 99 % in {p99:.0f} us, all in {most:.0f} us{longest}"
        yield f"  memory grew by {self.grown_mb:.1f} MB"
        yield f"  {self.asked}: {'yes' if self.answered else 'NO'}"
        for text, count in self.escaped.most_common():
            yield f"  escaped {count} times: {text}"


def resident_mb(process: int | str = "self") -> float:
    """Memory of a process, as Linux tells; 0 elsewhere."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def osc_seeds() -> list[bytes]:
    """Legal packets that touch every verb and kind of parameter."""
    registry = build_registry(("pop", "jazz"))
    messages = [encode(f"/livegen/{one.name}", one.default) for one in registry]
    messages += [encode(f"/livegen/{one.name}") for one in registry]
    messages += [
        encode(f"/livegen/{verb}") for verb in ("panic", "tap", "count_in", "ping", "health", "subscribe", "unsubscribe")
    ]
    messages += [encode("/livegen/ping", "token"), encode("/livegen/subscribe", 10.0), encode("/livegen/health", "osc/")]
    return [*messages, bundle(messages[:5]), bundle([bundle(messages[5:8]), messages[0]])]


def bundle(elements: list[bytes]) -> bytes:
    return b"#bundle\0" + struct.pack(">Q", 1) + b"".join(struct.pack(">i", len(one)) + one for one in elements)


def osc_packet(random_: random.Random, seeds: list[bytes]) -> bytes:
    """Random bytes, or a legal packet with a few places changed."""
    if random_.random() < 0.2:
        head = random_.choice((b"", b"/livegen/", b"#bundle\0" + bytes(8), b"/a\0\0,"))
        size = random_.choice((0, 3, 16, 64, 512, 8192, 65_507 if random_.random() < 0.01 else 20))
        return (head + random_.randbytes(size))[:65_507]
    packet = bytearray(random_.choice(seeds))
    for _ in range(random_.randrange(4)):
        at = random_.randrange(len(packet) or 1)
        match random_.randrange(5):
            case 0:
                packet[at : at + 1] = random_.randbytes(1)
            case 1:
                del packet[at : at + random_.randint(1, 8)]
            case 2:
                packet[at:at] = packet[at : at + random_.randint(1, 64)] * random_.randint(1, 20)
            case 3:
                packet[at : at + 4] = struct.pack(">i", random_.choice((-1, -20, 0, 1, 4, 2**31 - 1, -(2**31))))
            case _:
                packet[at : at + 4] = struct.pack(">f", random_.choice((float("nan"), float("inf"), -1e38, 1e-40)))
    return bytes(packet[:65_507])


def midi_message(random_: random.Random) -> bytes:
    """What a driver might deliver: mostly a channel message or nearly one."""
    match random_.randrange(8):
        case 0:
            return random_.randbytes(random_.randrange(6))
        case 1:
            return bytes((random_.randrange(128), random_.randrange(256)))
        case 2:
            return bytes((random_.randrange(0xF0, 0x100), *random_.randbytes(random_.randrange(4))))
        case 3 if random_.random() < 0.02:
            size = random_.choice((0, 10, MAX_SYSEX_BYTES, 1_000_000))
            return b"\xf0" + bytes(size) + random_.choice((b"", b"\xf7", b"\xf8\xf7"))
        case _:
            return bytes((random_.randrange(0x80, 0xF0), random_.randrange(130), random_.randrange(130)))


def storm(
    name: str, count: int, make: Callable[[], bytes], take: Callable[[bytes, int], None], step_ns: int = STEP_NS
) -> Outcome:
    """`take` is given message after message with its time, and should raise nothing."""
    outcome, before_mb = Outcome(name, took_us=np.zeros(count, dtype=np.float32)), 0.0
    # As in the daemon: what is there when it begins is never looked through again.
    gc.collect()
    gc.freeze()
    for number in range(count):
        if number == min(WARM, count // 2):
            before_mb = resident_mb()
        data = make()
        began_ns = time.thread_time_ns()
        try:
            take(data, number * step_ns)
        except Exception as error:  # noqa: BLE001 - what escapes is what is looked for
            outcome.escaped[f"{type(error).__name__}: {error}"[:120]] += 1
        outcome.took_us[number] = took_us = (time.thread_time_ns() - began_ns) / 1e3
        outcome.sent += 1
        if took_us > SLOW_US:
            outcome.slow[number] = data[:40]
    outcome.grown_mb = resident_mb() - before_mb
    return outcome


def storm_osc(count: int, seed: int) -> Outcome:
    """Packets from a hundred hosts against the endpoint."""
    random_, seeds = random.Random(seed), osc_seeds()
    endpoint = Endpoint(build_registry(("pop", "jazz")).defaults(), version="0", started_ns=0)

    def take(packet: bytes, now_ns: int) -> None:
        endpoint.receive(packet, (f"10.0.0.{len(packet) % 100}", 9), now_ns)
        if (due_ns := endpoint.next_deadline_ns()) is not None and due_ns <= now_ns:
            endpoint.tick(now_ns)

    outcome = storm("OSC endpoint", count, lambda: osc_packet(random_, seeds), take)
    replies = endpoint.receive(encode("/livegen/ping", "after"), HOST, count * STEP_NS + 10**10)
    outcome.answered = any(isinstance(one, Reply) and decode(one.packet)[0].address == "/livegen/pong" for one in replies)
    return outcome


def storm_midi(count: int, seed: int) -> Outcome:
    """Messages against the parser, and what is legal against the engine, which plays notes through; none hangs at the end."""
    random_ = random.Random(seed)
    settings, _ = build_registry(()).defaults().with_changes({"thru": True, "clock/source": "midi", "mode": "harmonize"})
    engine = Engine(settings, 0, seed=seed)

    def take(data: bytes, now_ns: int) -> None:
        try:
            message = parse(data)
        except InputError:
            return
        engine.receive(message, now_ns)
        engine.tick(now_ns)

    outcome = storm("MIDI", count, lambda: midi_message(random_), take, MIDI_STEP_NS)
    outcome.asked = "every note has ended"
    engine.close(count * MIDI_STEP_NS)
    outcome.answered = not list(engine.ledger.sounding())
    return outcome


def storm_daemon(count: int, seed: int) -> Outcome:
    """Packets over UDP against `livegen run`; it is asked again and again whether it lives, and its memory is watched."""
    random_, seeds, outcome = random.Random(seed), osc_seeds(), Outcome("daemon")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        port = client.getsockname()[1]
    command = [sys.executable, "-m", "livegen", "run", "--backend", "none", "--model", "scripted", "--osc-port", str(port)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker,
    ):
        try:
            # Another host of the loopback network: what is sent to one is bounded, and the pings are to be answered.
            attacker.bind(("127.0.0.2", 0))
            assert daemon.stdout is not None
            while "ready in" not in (line := daemon.stdout.readline()):
                assert line, "the daemon did not start"
            children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
            before_mb = 0.0
            while outcome.sent < count:
                for _ in range(min(TOGETHER, count - outcome.sent)):
                    attacker.sendto(osc_packet(random_, seeds), ("127.0.0.1", port))
                    outcome.sent += 1
                outcome.answered = _ask(port, "ping") is not None
                if not outcome.answered:
                    break
                if not before_mb and outcome.sent >= min(WARM, count // 2):
                    before_mb = sum(map(resident_mb, children))
            outcome.grown_mb = sum(map(resident_mb, children)) - before_mb
            readings = _ask(port, "health", "osc/packets") or ()
            outcome.arrived = int(readings[1]) if len(readings) == 2 else 0
            now = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
            outcome.escaped.update(f"process {child} has died" for child in set(children) - set(now))
        finally:
            daemon.terminate()
            daemon.communicate(timeout=20)
    return outcome


def _ask(port: int, verb: str, *arguments: Argument) -> tuple[Argument, ...] | None:
    """The answer to a question, asked until it comes; None if none does."""
    answer = {"ping": "/livegen/pong"}.get(verb, f"/livegen/{verb}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE_S)
        for _ in range(TRIES):
            client.sendto(encode(f"/livegen/{verb}", *arguments), ("127.0.0.1", port))
            try:
                message = decode(client.recv(65_536))[0]
            except TimeoutError:
                continue
            if message.address == answer:
                return message.arguments
    return None


def best_of(outcomes: list[Outcome]) -> Outcome:
    """What came of the same storm several times: all that went wrong in any, and of each message the shortest time."""
    best = outcomes[0]
    for other in outcomes[1:]:
        best.took_us = np.minimum(best.took_us, other.took_us)
        best.grown_mb = max(best.grown_mb, other.grown_mb)
        best.escaped.update(other.escaped)
        best.answered = best.answered and other.answered
    return best


def main() -> int:
    """Run all three storms and print what came of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.storm", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="messages of each kind (default: 1000000)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (default: 0)")
    parser.add_argument("--times", type=int, default=3, help="storms whose messages are timed (default: 3)")
    options = parser.parse_args()
    survived = True
    for run, times in ((storm_osc, options.times), (storm_midi, options.times), (storm_daemon, 1)):
        outcome = best_of([run(options.count, options.seed) for _ in range(times)])
        survived = survived and outcome.survived
        sys.stdout.write("\n".join([*outcome.lines(), ""]))
        sys.stdout.flush()
    return 0 if survived else 1


if __name__ == "__main__":
    sys.exit(main())
