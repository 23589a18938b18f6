"""How a learner of scikit-learn's kind is kept: a skops archive, without pickle or clock.

skops builds an object of a type only if whoever loads it trusts the type. It knows scikit-learn's
plain estimators by itself; `KNOWN` adds the pieces of scikit-learn that its ensembles are made of.
Any other type is code from outside: whoever trains lists it, the bundle's manifest says so, and
whoever loads the bundle permits it.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection, Iterable
from typing import Any, Final

from features.errors import BundleError

__all__ = ["KNOWN", "packed", "strange_types", "unpacked"]

KNOWN: Final = frozenset(
    {
        "numpy.dtype",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
    }
)
"""What skops would ask about, and what holds numbers: arrays of nodes, thresholds, weights."""

_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)
_MEMORY: Final = re.compile(r"(?<=\"__id__\": )\d+|\d{9,}(?=\.npy)")


def _skops() -> Any:
    """skops, once it is needed: to import it takes half a second, and most bundles hold no archive.

    It asks all of scikit-learn for its types.
    """
    import skops.io

    return skops.io


def packed(held: Any) -> bytes:
    """An object as the bytes of an archive; the same object gives the same bytes."""
    return _canonical(_skops().dumps(held))


def strange_types(archive: bytes) -> tuple[str, ...]:
    """The types in an archive that are neither skops's own nor `KNOWN`, sorted.

    Raises
    ------
    BundleError : it is no archive.
    """
    try:
        return tuple(sorted(set(_skops().get_untrusted_types(data=archive)) - KNOWN))
    except zipfile.BadZipFile as error:
        raise BundleError(f"this is no archive of an estimator: {error}; train it again") from error


def unpacked(archive: bytes, listed: Collection[str] = (), permitted: Collection[str] = ()) -> Any:
    """What an archive holds.

    Parameters
    ----------
    listed : the types that its bundle was trained with, as its manifest has them.
    permitted : the types that whoever loads it trusts.

    Raises
    ------
    BundleError : a type is not both listed and permitted, or its module is not to be found here.
    """
    strange = strange_types(archive)
    _refuse(strange, listed, permitted)
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return _skops().loads(archive, trusted=sorted(KNOWN.union(strange)))
    except UntrustedTypesFoundException as error:
        raise BundleError(f"the bundle holds types that are not trusted: {error}") from error
    except (ImportError, AttributeError) as error:
        raise BundleError(
            f"the bundle needs {', '.join(strange) or 'another scikit-learn'}, which is not to be"
            f" found here ({error}): install what it was trained with, or put the module on"
            " PYTHONPATH"
        ) from error


def _refuse(strange: Iterable[str], listed: Collection[str], permitted: Collection[str]) -> None:
    """BundleError where a type of an archive is not both listed and permitted."""
    if unlisted := [name for name in strange if name not in listed]:
        raise BundleError(
            f"the bundle holds types that are not trusted: {', '.join(unlisted)}; its manifest does"
            " not list them: train it again"
        )
    if missing := [name for name in strange if name not in permitted]:
        names = ",".join(missing)
        raise BundleError(
            f"the bundle runs code of its own, {', '.join(missing)}: if you trust where it comes"
            f" from, set RUNG_TRUSTED_TYPES={names}, or give the command"
            + "".join(f" --trust {name}" for name in missing)
        )


def _canonical(archive: bytes) -> bytes:
    """The same archive with objects numbered in order and entries undated.

    skops names objects by their place in memory and dates the entries; equal models shall be equal
    bytes.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as held:
        entries = {name: held.read(name) for name in held.namelist()}
    number: dict[str, str] = {}

    def renumbered(found: re.Match[str]) -> str:
        return number.setdefault(found[0], str(len(number) + 1))

    schema = _MEMORY.sub(renumbered, entries.pop("schema.json").decode())
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as new:
        new.writestr(zipfile.ZipInfo("schema.json", _NO_TIME), schema)
        renamed = {_MEMORY.sub(renumbered, name): content for name, content in entries.items()}
        for name in sorted(renamed):
            new.writestr(zipfile.ZipInfo(name, _NO_TIME), renamed[name])
    return out.getvalue()
