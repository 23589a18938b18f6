"""How much hypothesis tries: little while developing, all of it where green is decided.

`HYPOTHESIS_PROFILE` names the profile; without it that is `ci` where `CI` is set, and else `dev`.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

__all__ = ["examples", "load_profile"]

_FULL = 100
"""The examples of a test that asks for no number, in `ci`."""
_LEAST = 5


def load_profile() -> None:
    """Register both profiles and load the one that is asked for.

    `dev` draws other examples in each run, and tries first what failed before. `ci` draws the same
    ones in every run of the same tests, so that red means a change and not a day; it keeps nothing,
    and prints what a failure can be reproduced with. Neither takes the time: a machine that does
    something else as well is no mistake of a test.
    """
    settings.register_profile(
        "dev", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    # A run with little time tries a part of them, the same ones each time.
    tried = int(os.environ.get("PROOF_EXAMPLES", _FULL))
    settings.register_profile(
        "ci",
        max_examples=tried,
        deadline=None,
        derandomize=True,
        database=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or _usual())


def _usual() -> str:
    return "ci" if os.environ.get("CI", "false").lower() not in ("", "0", "false") else "dev"


def examples(full: int) -> int:
    """So many examples in `ci`, and the same share of them in another profile as of any test's."""
    share = settings().max_examples / _FULL
    return min(full, max(_LEAST, round(share * full)))
