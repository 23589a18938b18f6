"""Policies: whatever is believed, a distribution over what is eligible, with a floor."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import ndtr

from features.errors import PolicyError
from features.ladder.file import read_ladder
from features.ladder.ladder import PolicySettings
from models.offers.options import Options, options_of
from models.offers.policy import (
    POLICIES,
    POLICIES_WITHOUT,
    Beliefs,
    Policy,
    choose,
    harmless,
    policy,
    policy_to_serve,
    probabilities,
    uniform_number,
    validated,
)
from tests.profiles import examples

SHIPPED = tuple(options_of(read_ladder(name)) for name in ("b2b", "b2c", "b2b-assessment"))
B2B = SHIPPED[0]
NEVER = PolicySettings(exploration=0.0)

numbers = st.one_of(
    st.floats(-1e6, 1e6),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 5e-324, 1e6]),
)
spreads = st.one_of(st.floats(0.0, 1e6), st.sampled_from([0.0, 5e-324, 1.0]))


@st.composite
def beliefs(draw: st.DrawFn) -> Beliefs:
    """Anything that may be believed of the options of a shipped ladder, some of them eligible."""
    options = draw(st.sampled_from(SHIPPED))
    shape = draw(st.integers(1, 4)), len(options)
    eligible = draw(arrays(np.bool_, shape))
    eligible[:, [options.nurture, options.no_ask]] = True
    gain = draw(arrays(np.float64, shape, elements=numbers))
    gain_sd = draw(arrays(np.float64, shape, elements=spreads))
    gain[:, options.no_ask] = gain_sd[:, options.no_ask] = 0.0
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    draws = gain + gain_sd * rng.normal(size=(16, *shape))
    advance = draw(arrays(np.float64, shape, elements=st.floats(0.0, 1.0)))
    uplift_sd = draw(arrays(np.float64, shape, elements=st.floats(0.0, 1.0)))
    uplift_sd[:, options.no_ask] = 0.0
    uplift = advance - advance[:, [options.no_ask]]
    uplift_draws = uplift + uplift_sd * rng.normal(size=(16, *shape))
    return Beliefs(
        options=options,
        eligible=eligible,
        advance=advance,
        uplift_sd=uplift_sd,
        uplift_draws=lambda: uplift_draws,
        gain=gain,
        gain_sd=gain_sd,
        gain_draws=lambda: draws,
        topic=draw(arrays(np.bool_, shape)),
        is_active=draw(arrays(np.bool_, shape[0])),
    )


def believed(options: Options = B2B, rows: int = 1, **said: Any) -> Beliefs:
    """Beliefs of leads that are active and have everything before them, but for what is said."""
    shape = rows, len(options)
    nothing = np.zeros(shape)
    held = Beliefs(
        options=options,
        eligible=np.ones(shape, dtype=np.bool_),
        advance=np.full(shape, 0.5),
        uplift_sd=np.full(shape, 0.1),
        uplift_draws=lambda: np.zeros((16, *shape)),
        gain=nothing,
        gain_sd=np.ones(shape),
        gain_draws=lambda: np.zeros((16, *shape)),
        topic=np.zeros(shape, dtype=np.bool_),
        is_active=np.ones(rows, dtype=np.bool_),
    )
    return replace(held, **said)


def row(options: Options = B2B, /, otherwise: float = 0.0, **values: float) -> np.ndarray:
    """Shape (1, n_options): a value for the options named, with - written as _."""
    found = np.full((1, len(options)), otherwise)
    for name, value in values.items():
        option_id = name if name in options.ids else name.replace("_", "-")
        found[0, options.index(option_id)] = value
    return found


def chosen(name: str, held: Beliefs, chosen_by: PolicySettings = NEVER) -> list[str]:
    """What a policy that does not explore chooses for each lead."""
    shares = probabilities(policy(name, held.options), held, chosen_by)
    assert set(np.unique(shares)) <= {0.0, 1.0}
    return [held.options.ids[at] for at in shares.argmax(axis=1)]


# ---------------------------------------------------------------------------------- any beliefs


@settings(deadline=None, max_examples=examples(150))
@given(
    beliefs(),
    st.sampled_from([*POLICIES, "only", *(one for one in POLICIES_WITHOUT if "value" in one)]),
    st.integers(0, 100),
    st.one_of(st.floats(1e-6, 1.0), st.sampled_from([0.1, 1.0])),
    st.floats(0.5, 0.999),
)
def test_a_distribution_with_a_floor(held, name, at, exploration, certainty):
    """Every policy gives a distribution over what it may choose, each option with its share."""
    options = held.options
    if name == "only":
        name = f"only:{options.ids[at % len(options)]}"
    which = policy(name, options)
    shares = probabilities(which, held, PolicySettings(exploration, certainty))
    assert shares.shape == held.eligible.shape
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, atol=1e-9)
    allowed = which.seen(held).eligible
    assert (allowed <= held.eligible).all()
    assert which.is_guarded or (allowed == held.eligible).all()
    count = allowed.sum(axis=1, keepdims=True)
    floor = np.broadcast_to(exploration / count, shares.shape)
    assert (shares[allowed] >= floor[allowed] - 1e-12).all()
    assert (shares[allowed] > 0.0).all()
    assert (shares[~allowed] == 0.0).all()
    assert (shares[:, options.no_ask] > 0.0).all()
    np.testing.assert_array_equal(validated(shares, allowed, exploration), shares)


@settings(deadline=None, max_examples=examples(150))
@given(beliefs(), st.sampled_from(["careful", "learned"]), st.floats(1e-6, 1.0))
def test_nothing_that_is_believed_worse_is_advised(held, name, exploration):
    """A guarded policy gives no chance to an option believed below leaving alone, by either."""
    options = held.options
    shares = probabilities(policy(name, options), held, PolicySettings(exploration))
    for lead, option in np.argwhere(shares > 0.0):
        alone = held.advance[lead, options.no_ask]
        assert held.advance[lead, option] >= alone - 1e-9
        owed = options.is_support[option] and options.is_for_now[option]
        assert owed or option == options.no_ask or held.gain[lead, option] >= -1e-9


@settings(deadline=None)
@given(beliefs(), st.sampled_from(list(POLICIES)))
def test_all_exploration_is_uniform(held, name):
    """A policy that does nothing but explore is the uniform one."""
    alike = probabilities(policy(name, held.options), held, PolicySettings(exploration=1.0))
    seen = policy(name, held.options).seen(held)
    uniform = probabilities(policy("uniform", held.options), seen, NEVER)
    np.testing.assert_allclose(alike, uniform, atol=1e-12)


@settings(deadline=None)
@given(beliefs(), st.floats(0.5, 0.999))
def test_learned(held, certainty):
    """It is surely worth more than no ask, and more than nurture; or it is the careful choice.

    Nurture takes the place of that where it is surely worth more.
    """
    options = held.options
    sure = PolicySettings(0.0, certainty)
    for at, name in enumerate(chosen("learned", held, sure)):
        gain = dict(zip(options.ids, held.gain[at], strict=True))
        is_harmless = harmless(held)[at, options.nurture]
        assert name != options.ids[options.no_ask] or not is_harmless
        if name not in options.ids[-2:]:
            place = options.index(name)
            assert held.eligible[at, place]
            is_sure = ndtr(gain[name] / max(held.gain_sd[at, place], 1e-12)) >= certainty
            is_more = gain[name] > gain[options.ids[options.nurture]] or not is_harmless
            assert name == chosen("careful", held, sure)[at] or (is_sure and is_more)


@settings(deadline=None)
@given(beliefs())
def test_rules_do_not_learn(held):
    """The rules choose the same whatever is believed of effects."""
    other = replace(held, gain=-held.gain, gain_sd=held.gain_sd + 1.0, advance=1.0 - held.advance)
    assert chosen("rules", held) == chosen("rules", other)


@settings(deadline=None)
@given(beliefs(), st.integers(0, 100), st.floats(0.0, 1e6))
def test_thompson_follows_gains(held, at, more):
    """An option that is worth more in every draw is chosen no less; the shares count the draws."""
    width = len(held.options)
    option = at % width
    draws = held.gain_draws()
    better = draws + more * (np.arange(width) == option)
    before, after = (
        probabilities(policy("thompson", held.options), one, NEVER)
        for one in (held, replace(held, gain_draws=lambda: better))
    )
    assert (after[:, option] >= before[:, option]).all()
    for lead in range(len(before)):
        counts = np.zeros(width)
        for draw in draws[:, lead]:
            best = max(draw[held.eligible[lead]])
            counts[next(j for j in range(width) if held.eligible[lead, j] and draw[j] == best)] += 1
        np.testing.assert_allclose(before[lead], counts / 16)


# ----------------------------------------------------------------------------------- each policy


def test_learned_takes_what_is_worth_most():
    """The eligible offer with the largest gain is chosen, and not the likeliest click."""
    gain = row(video_audit=5.0, live_qa=9.0, strategy_session=7.0, nurture=1.0)
    held = believed(gain=gain, advance=row(video_audit=0.9))
    assert chosen("learned", held) == ["live-qa"]
    without = held.eligible & (np.arange(len(B2B)) != B2B.index("live-qa"))
    assert chosen("learned", replace(held, eligible=without)) == ["strategy-session"]


def test_learned_goes_by_the_ladder_when_nothing_is_sure():
    """Where no offer is surely enough worth more than no ask, the ladder's order decides."""
    asks = row(otherwise=0.0, strategy_session=1.0, video_audit=1.0, live_qa=1.0) > 0
    asks[:, -2:] = True
    held = believed(gain=row(live_qa=0.3, video_audit=0.2), eligible=asks)
    assert chosen("learned", held, PolicySettings(0.0, 0.61)) == ["live-qa"]  # Phi(0.3) is 0.618
    assert chosen("learned", held, PolicySettings(0.0, float(ndtr(0.3)))) == ["live-qa"]
    assert chosen("learned", held, PolicySettings(0.0, 0.62)) == ["video-audit"]
    assert chosen("learned", replace(held, gain=row(otherwise=-1.0, no_ask=0.0))) == ["no_ask"]
    quiet = replace(held, is_active=np.zeros(1, dtype=np.bool_))
    assert chosen("learned", quiet, PolicySettings(0.0, 0.62)) == ["nurture"]
    assert chosen("learned", believed()) == chosen("careful", believed())


def test_learned_takes_the_surer_of_two():
    """An offer that may be worth most but is not sure leaves the place to one that is."""
    held = believed(
        gain=row(live_qa=9.0, video_audit=5.0), gain_sd=row(otherwise=1.0, live_qa=99.0)
    )
    assert chosen("learned", held) == ["video-audit"]


def test_learned_nurtures_where_that_is_worth_more():
    """An offer that is surely worth more than no ask, but less than nurture, is not made."""
    held = believed(gain=row(live_qa=5.0, nurture=6.0))
    assert chosen("learned", held) == ["nurture"]
    assert chosen("learned", replace(held, gain=row(live_qa=5.0, nurture=4.0))) == ["live-qa"]


def test_learned_nurtures_instead_of_the_ladders_ask_where_that_is_sure():
    """By the difference of the two, whose doubts add up: 0.6 and 0.8 make 1."""
    ask = row(otherwise=0.0, video_audit=1.0, nurture=1.0, no_ask=1.0) > 0
    doubts = row(otherwise=1.0, nurture=0.6, video_audit=0.8)
    held = believed(eligible=ask, gain=row(nurture=0.7), gain_sd=doubts)
    assert chosen("learned", held, PolicySettings(0.0, 0.75)) == ["nurture"]  # Phi(0.7) is 0.758
    assert chosen("learned", held, PolicySettings(0.0, float(ndtr(0.7)))) == ["nurture"]
    assert chosen("learned", held, PolicySettings(0.0, 0.77)) == ["video-audit"]


def test_learned_gives_help_that_is_owed_whatever_nurture_is_worth():
    """Help with what is under way stays; other help gives way to what is surely worth more."""
    help_ = row(otherwise=0.0, pilot_help=1.0, savings_case_study=1.0) > 0
    help_[:, -2:] = True
    held = believed(eligible=help_, gain=row(nurture=9.0), is_active=np.zeros(1, dtype=np.bool_))
    assert chosen("learned", held) == ["pilot-help"]
    other = help_ & (np.arange(len(B2B)) != B2B.index("pilot-help"))
    assert chosen("learned", replace(held, eligible=other)) == ["nurture"]
    assert chosen("learned", replace(held, eligible=other, gain=row())) == ["savings-case-study"]


@pytest.mark.parametrize("certainty", [0.5, 0.65, 0.99])
def test_learned_without_doubt(certainty):
    """Of a gain that is known the sign decides: a sure loss is never made, a sure gain is."""
    sure = PolicySettings(0.0, certainty)
    owes_nothing = ~(B2B.is_support & B2B.is_for_now)[None, :]
    losses = believed(
        gain=row(otherwise=-1.0, nurture=0.0, no_ask=0.0), gain_sd=row(), eligible=owes_nothing
    )
    assert chosen("learned", losses, sure) == ["nurture"]
    assert chosen("learned", replace(losses, gain=row(live_qa=-1e-3)), sure) != ["live-qa"]
    assert chosen("learned", replace(losses, gain=row(live_qa=1e-3)), sure) == ["live-qa"]


def test_careful_goes_by_the_ladder_until_it_knows():
    """The lightest ask that continues the topic, unless another is surely enough worth more."""
    asks = row(otherwise=0.0, strategy_session=1.0, video_audit=1.0, live_qa=1.0) > 0
    asks[:, -2:] = True
    held = believed(eligible=asks, gain_sd=row(otherwise=1.0, no_ask=0.0))
    assert chosen("careful", held) == ["video-audit"]
    assert chosen("careful", replace(held, topic=row(live_qa=1.0) > 0)) == ["live-qa"]
    ahead = replace(held, gain=row(live_qa=1.0))  # Phi(1 / sqrt 2) is 0.760
    assert chosen("careful", ahead, PolicySettings(0.0, 0.75)) == ["live-qa"]
    assert chosen("careful", ahead, PolicySettings(0.0, 0.77)) == ["video-audit"]
    best_of_two = replace(held, gain=row(live_qa=9.0, strategy_session=10.0))
    assert chosen("careful", best_of_two) == ["strategy-session"]
    as_sure = PolicySettings(0.0, float(ndtr(1.0 / np.hypot(1.0, 1.0))))
    assert chosen("careful", ahead, as_sure) == ["live-qa"]
    assert chosen("careful", replace(held, gain=row(nurture=9.0))) == ["video-audit"]


def test_careful_of_what_is_believed_worse():
    """An ask below leaving alone is not made, by its chance or by its gain."""
    asks = row(otherwise=0.0, video_audit=1.0, live_qa=1.0) > 0
    asks[:, -2:] = True
    held = believed(eligible=asks)
    assert chosen("careful", replace(held, advance=row(otherwise=0.5, video_audit=0.49))) == [
        "live-qa"
    ]
    assert chosen("careful", replace(held, gain=row(video_audit=-0.01))) == ["live-qa"]
    neither = replace(held, gain=row(video_audit=-0.01, live_qa=-0.01))
    assert chosen("careful", neither) == ["nurture"]
    nothing = replace(held, gain=row(video_audit=-1.0, live_qa=-1.0, nurture=-1.0))
    assert chosen("careful", nothing) == ["no_ask"]


def test_harmless_is_what_is_not_believed_worse():
    """A last bit of a sum is no difference; what is owed is help, and no ask, for just now."""
    last_bit = 1e-15
    options = replace(B2B, is_for_now=B2B.is_for_now | (B2B.effort == B2B.effort.max()))
    held = believed(options, gain=row(otherwise=-last_bit), advance=row(otherwise=0.5 - last_bit))
    held.advance[:, B2B.no_ask] = 0.5
    assert harmless(held).all()
    worse = believed(options, gain=row(otherwise=-1e-9, no_ask=0.0))
    owed = B2B.is_support & B2B.is_for_now
    assert (options.is_for_now & ~options.is_support).any()
    assert owed.any()
    np.testing.assert_array_equal(harmless(worse)[0, :-1], owed[:-1])


def test_careful_helps_where_nothing_is_to_be_asked():
    """With what is under way first, then with the step just taken, then with something useful."""
    some = row(otherwise=0.0, pilot_help=1.0, savings_case_study=1.0, annual_contract=1.0) > 0
    some[:, -2:] = True
    held = believed(eligible=some)
    assert chosen("careful", held) == ["annual-contract"]
    quiet = replace(held, is_active=np.zeros(1, dtype=np.bool_))
    assert chosen("careful", quiet) == ["pilot-help"]
    on_topic = replace(quiet, topic=row(savings_case_study=1.0) > 0)
    assert chosen("careful", on_topic) == ["pilot-help"]
    owed = replace(quiet, gain=row(pilot_help=-9.0))  # what was agreed is owed, whatever it costs
    assert chosen("careful", owed) == ["pilot-help"]
    without = some & (np.arange(len(B2B)) != B2B.index("pilot-help"))
    assert chosen("careful", replace(quiet, eligible=without)) == ["savings-case-study"]
    neither = without & (np.arange(len(B2B)) != B2B.index("savings-case-study"))
    assert chosen("careful", replace(quiet, eligible=neither)) == ["nurture"]


def test_rules():
    """Quiet leads are nurtured; active ones get the lightest ask, one that continues first."""
    asks = {"strategy-session": 40.0, "video-audit": 30.0, "live-qa": 40.0}
    for name, effort in asks.items():
        assert B2B.effort[B2B.index(name)] == effort
    eligible = row(otherwise=0.0, **dict.fromkeys([*asks, "savings-case-study"], 1.0)) > 0
    eligible[:, -2:] = True
    held = believed(eligible=eligible)
    assert chosen("rules", held) == ["video-audit"]
    assert chosen("rules", replace(held, topic=row(live_qa=1.0) > 0)) == ["live-qa"]
    both = row(live_qa=1.0, video_audit=1.0) > 0
    assert chosen("rules", replace(held, topic=both)) == ["video-audit"]
    of_another = row(framework_video=1.0) > 0
    assert chosen("rules", replace(held, topic=of_another)) == ["video-audit"]
    assert chosen("rules", replace(held, is_active=np.zeros(1, dtype=np.bool_))) == ["nurture"]
    nothing = eligible & ~B2B.is_ask
    assert chosen("rules", replace(held, eligible=nothing)) == ["nurture"]


def test_greedy():
    """The likeliest next click is chosen, though it costs purchases, if it is eligible."""
    held = believed(advance=row(live_qa=0.9, video_audit=0.8), gain=row(live_qa=-9.0))
    assert chosen("greedy", held) == ["live-qa"]
    eligible = np.arange(len(B2B))[None, :] != B2B.index("live-qa")
    assert chosen("greedy", replace(held, eligible=eligible)) == ["video-audit"]


def test_uniform():
    """Each eligible option is as likely as another."""
    eligible = row(live_qa=1.0, video_audit=1.0, nurture=1.0, no_ask=1.0) > 0
    shares = probabilities(policy("uniform", B2B), believed(eligible=eligible), PolicySettings())
    np.testing.assert_allclose(shares, 0.25 * eligible)


def test_only():
    """One option wherever it is eligible, and no ask where it is not."""
    eligible = np.ones((2, len(B2B)), dtype=np.bool_)
    eligible[1, B2B.index("live-qa")] = False
    held = believed(rows=2, eligible=eligible)
    assert chosen("only:live-qa", held) == ["live-qa", "no_ask"]
    assert chosen("only:nurture", held) == ["nurture", "nurture"]
    assert chosen("only:no_ask", held) == ["no_ask", "no_ask"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("thomson", "no policy 'thomson'; did you mean 'thompson'"),
        ("Rules", "no policy 'Rules'; did you mean 'rules'"),
        ("only:live-qna", "no policy 'only:live-qna'; did you mean 'only:live-qa'"),
        ("only", "there are learned, careful, rules, uniform, greedy, thompson and only:OFFER"),
        ("only:", "no policy 'only:'"),
        ("live-qa", "no policy 'live-qa'; did you mean 'only:live-qa'"),
        ("", "no policy '' \\(there are learned"),
        ("greedy:live-qa", "no policy 'greedy:live-qa'"),
        ("rules:no_value", "for an arm of an experiment learned:no_value, careful:no_value"),
    ],
)
def test_no_such_policy(name, says):
    """A name that is no policy's says what there is, with a hint where one is close."""
    with pytest.raises(PolicyError, match=says):
        policy(name, B2B)


# ------------------------------------------------------------------------- without one factor


@settings(deadline=None, max_examples=examples(100))
@given(
    beliefs(),
    st.sampled_from([one for one in POLICIES_WITHOUT if one.endswith("no_value")]),
    arrays(np.float64, 1, elements=st.floats(-1e6, 1e6)),
)
def test_without_value_the_next_step_alone_counts(held, name, moved):
    """It chooses as the policy does of whom the gain is what is added to the chance."""
    options = held.options
    gain = np.empty(held.advance.shape)
    for lead in range(len(gain)):
        for at in range(len(options)):
            gain[lead, at] = held.advance[lead, at] - held.advance[lead, options.no_ask]
    of_chances = replace(
        held, gain=gain, gain_sd=held.uplift_sd, gain_draws=lambda: held.uplift_draws()
    )
    expected = probabilities(POLICIES[name.split(":")[0]], of_chances, PolicySettings())
    shares = probabilities(policy(name, options), held, PolicySettings())
    np.testing.assert_array_equal(shares, expected)
    other = replace(
        held,
        gain=held.gain[:, ::-1] + moved,
        gain_sd=held.gain_sd[:, ::-1],
        gain_draws=lambda: held.gain_draws()[:, :, ::-1],
    )
    np.testing.assert_array_equal(
        probabilities(policy(name, options), other, PolicySettings()), shares
    )


@settings(deadline=None, max_examples=examples(100))
@given(
    beliefs(),
    st.sampled_from([one for one in POLICIES_WITHOUT if one.endswith("no_exploration")]),
    st.floats(0.01, 0.99),
)
def test_without_exploration_nothing_is_tried(held, name, exploration):
    """One option has the probability 1: the one that has most beside the even share."""
    options, whole = held.options, POLICIES[name.split(":")[0]]
    shares = probabilities(policy(name, options), held, PolicySettings(exploration))
    np.testing.assert_array_equal((shares == 1.0).sum(axis=1), 1)
    np.testing.assert_array_equal((shares == 0.0).sum(axis=1), len(options) - 1)
    tried = probabilities(whole, held, PolicySettings(exploration))
    np.testing.assert_array_equal(shares.argmax(axis=1), tried.argmax(axis=1))
    assert (tried.max(axis=1) < 1.0).any() or (whole.seen(held).eligible.sum(axis=1) == 1).all()


def test_what_is_clicked_and_never_bought():
    """Without value an offer is made that costs purchases; the guard of the chance stays."""
    asks = row(otherwise=0.0, live_qa=1.0, video_audit=1.0, no_ask=1.0, nurture=1.0) > 0
    held = believed(
        eligible=asks,
        advance=row(otherwise=0.5, live_qa=0.9, video_audit=0.4),
        gain=row(live_qa=-50.0, video_audit=5.0),
    )
    for name in ("learned", "careful"):
        assert chosen(name, held) == ["nurture"]
        assert chosen(f"{name}:no_value", held) == ["live-qa"]
    unclear = replace(held, uplift_sd=row(otherwise=9.0), advance=row(otherwise=0.5, live_qa=0.51))
    assert chosen("careful:no_value", unclear) == ["video-audit"]  # the ladder's order


@pytest.mark.parametrize("name", list(POLICIES_WITHOUT))
def test_what_lacks_a_factor_serves_nobody(name):
    """It is for an arm of an experiment, and says which policy is meant for all."""
    whole = name.partition(":")[0]
    with pytest.raises(PolicyError, match=f"for an arm of an experiment; serve '{whole}'"):
        policy_to_serve(name, B2B)
    assert policy_to_serve(whole, B2B) is POLICIES[whole]
    with pytest.raises(PolicyError, match="no policy 'thomson'"):
        policy_to_serve("thomson", B2B)


# ------------------------------------------------------------------------------------- the check

ELIGIBLE = np.array([[True, True, False, True], [True, False, True, True]])
FINE = np.array([[0.5, 0.25, 0.0, 0.25], [0.9, 0.0, 0.05, 0.05]])


@pytest.mark.parametrize(
    ("at", "values"),
    [
        (1, [np.nan, 0.0, 0.5, 0.5]),
        (1, [0.9, 0.0, 0.05, np.nan]),
        (0, [np.inf, 0.25, 0.0, 0.25]),
        (0, [np.inf, 0.25, 0.0, -np.inf]),
        (1, [0.9, 0.0, 0.05, 0.06]),
        (0, [0.5, 0.25, 0.0, 0.2499]),
        (1, [0.92, 0.0, 0.05, 0.03]),
        (0, [0.6, 0.4, 0.0, 0.0]),
        (0, [1.25, -0.5, 0.0, 0.25]),
        (0, [0.5, 0.25, 0.01, 0.24]),
        (1, [0.9, 1e-12, 0.05, 0.05 - 1e-12]),
        (0, [0.5, 0.25, -0.01, 0.26]),
    ],
    ids=[
        "nan",
        "last is nan",
        "infinite",
        "infinities",
        "over one",
        "under one",
        "below floor",
        "no floor",
        "negative",
        "not eligible",
        "hardly not eligible",
        "negative and not eligible",
    ],
)
def test_no_distribution_leaves(at, values):
    """What is no distribution over the eligible options with the floor is refused, with its row."""
    shares = FINE.copy()
    shares[at] = values
    with pytest.raises(PolicyError, match=rf"row {at}: \[.*is no distribution.*floor 0\.0333"):
        validated(shares, ELIGIBLE, 0.1)


def test_a_distribution_is_left_alone():
    """A distribution that keeps the floor comes back as it is, at the very floor too."""
    assert validated(FINE, ELIGIBLE, 0.1) is FINE
    even = ELIGIBLE / ELIGIBLE.sum(axis=1, keepdims=True)
    assert validated(even, ELIGIBLE, 1.0) is even
    with pytest.raises(PolicyError, match=r"row 1: .*floor 0\.05"):
        validated(FINE, ELIGIBLE, 0.1501)


@pytest.mark.parametrize("share", [np.nan, -1.0, 0.5])
def test_a_wrong_policy_chooses_nothing(share):
    """Whatever a policy gives, nothing leaves `probabilities` that is no distribution."""

    def wrong(held: Beliefs, settings: PolicySettings) -> np.ndarray:  # noqa: ARG001
        return np.full(held.eligible.shape, share)

    with pytest.raises(PolicyError, match="row 0: "):
        probabilities(Policy(wrong), believed(), PolicySettings())


# ---------------------------------------------------------------------------------------- a choice


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.just(0.0), st.floats(1e-9, 1.0)), min_size=1, max_size=9).filter(any),
    st.text(),
)
@example([0.0, 1e-9, 0.0], "")
def test_a_choice_is_possible_and_the_same(weights, decision_id):
    """The same id draws the same option from the same shares, and never one without a share."""
    shares = np.array(weights) / sum(weights)
    at = choose(shares, decision_id)
    assert at == choose(shares.copy(), decision_id)
    assert shares[at] > 0.0


@pytest.mark.parametrize("number", [0.0, 0.5, 1.0 - 2.0**-53])
@pytest.mark.parametrize(
    "shares",
    [
        [0.0, 0.1, 0.0, 0.9, 0.0],
        [0.0, 0.0, 1.0],
        [1.0, 0.0],
        [0.1] * 10,
        [0.0, 1 / 3, 1 / 3, 1 / 3, 0.0],
    ],
    ids=["gaps", "last", "first", "tenths", "thirds"],
)
def test_the_ends_of_the_draw(monkeypatch, number, shares):
    """The smallest and the largest number that can be drawn choose options that have a share."""
    monkeypatch.setattr("models.offers.policy.uniform_number", lambda _: number)
    at = choose(np.array(shares), "any")
    assert shares[at] > 0.0
    possible = np.flatnonzero(shares)
    if number == 0.0:
        assert at == possible[0]
    if number > 0.9:
        assert at == possible[-1]


def test_choices_follow_the_shares():
    """Over many decisions each option is chosen as often as its share says."""
    shares = np.array([0.5, 0.0, 0.3, 0.02, 0.0, 0.18])
    count = 20_000
    found = np.bincount([choose(shares, f"decision-{at}") for at in range(count)], minlength=6)
    error = np.sqrt(shares * (1.0 - shares) / count)
    assert (np.abs(found / count - shares) <= 4.0 * error).all()
    assert not found[shares == 0.0].any()


def test_uniform_numbers():
    """Numbers of texts fill [0, 1) evenly, near ids too, and stay what they are."""
    numbers = np.array([uniform_number(f"{at}") for at in range(20_000)])
    assert ((numbers >= 0.0) & (numbers < 1.0)).all()
    tenths = np.bincount((numbers * 10).astype(int), minlength=10) / 20_000
    np.testing.assert_allclose(tenths, 0.1, atol=4 * np.sqrt(0.09 / 20_000))
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.03
    assert uniform_number("decision-1") == uniform_number("decision-1")
    assert uniform_number("rung") == 0.04704965808889239
