"""Differential fuzzing in small: enough cases for every change, always the same ones; ``make fuzz`` runs for as long as wanted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pgwire_py import messages as m
from pgwire_py._impl.pure.messages import decode

from .fuzz import Fuzzer, Lines, differ, outcomes, reduced, regressions, report
from .fuzz_targets import TARGETS, Target

CASES = 200_000
SEED = 20_261_121


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_native_and_pure_answer_alike(target: Target) -> None:
    fuzzer = Fuzzer(target, SEED)
    case = fuzzer.run(CASES * target.share // 100, Lines())
    if case is not None:
        pytest.fail(report(reduced(case), SEED))
    assert fuzzer.cases == CASES * target.share // 100
    assert len(fuzzer.corpus) > len(target.seeds()), (
        "no new kind of outcome was found: the mutations do not reach anything"
    )


def test_the_shares_make_the_whole() -> None:
    assert sum(target.share for target in TARGETS) == 100


def test_what_once_differed() -> None:
    for case in regressions():
        native, pure = outcomes(case)
        assert not differ(native, pure), (case, native, pure)


Decode = Callable[[bytes], m.Execute]


def _misread(decoder: Decode, body: bytes) -> m.Execute:
    message = decoder(body)
    message.max_rows = min(message.max_rows, 1_000)
    return message


def _stumble(decoder: Decode, body: bytes) -> m.Execute:
    message = decoder(body)
    if message.max_rows == 0:
        raise IndexError
    return message


@pytest.mark.parametrize("mistake", [_misread, _stumble])
def test_a_planted_mistake_is_found_and_reduced(
    mistake: Callable[[Decode, bytes], m.Execute], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, decoder = decode.DECODERS[ord("E")]
    monkeypatch.setitem(decode.DECODERS, ord("E"), (name, lambda body: mistake(decoder, body)))
    case = Fuzzer(TARGETS[0], SEED).run(20_000, Lines())
    assert case is not None
    smaller = reduced(case)
    assert differ(*outcomes(smaller))
    assert len(smaller.data) <= 10
