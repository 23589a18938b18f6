"""What callers say, as named numbers."""

from __future__ import annotations

import pytest

from models.actions.features import crossed, features_of


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([{"at": "noon", "age": 3, "is_new": True}], {"at=noon": 1, "age": 3, "is_new=true": 1}),
        ([{"a": {"b": {"c": "x"}}}], {"a.b.c=x": 1}),
        ([{"tags": ["red", "blue"]}], {"tags=red": 1, "tags=blue": 1}),
        ([{"at": [0.5, -2]}], {"at[0]": 0.5, "at[1]": -2}),
        ([{"a": 1}, None, {"a": 2}], {"a": 2}),
        ([{"none": None, "nan": float("nan"), "inf": float("inf"), "empty": ""}], {"empty=": 1}),
        ([{"lead_id": "ann", "user": {"lead_id": "ann", "plan": "pro"}}], {"user.plan=pro": 1}),
        ([{"email": "x", "note": "ask ann@example.org", "phone": 3}], {}),
        ([{"page": "//a.org/?email=ann%40b.org&b=1"}], {"page=//a.org/?email=redacted&b=1": 1}),
        (["plain", 7], {"=plain": 1, "": 7}),
        ([{"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}], {}),
    ],
)
def test_features(objects, expected):
    """Texts are categories and numbers amounts, at any depth; nobody is named by them."""
    assert features_of(objects) == expected


def test_there_is_an_end():
    """Of very many features the first are read, and of a very long name its beginning."""
    assert len(features_of([{f"f{at}": at for at in range(1000)}])) == 200
    assert len(next(iter(features_of([{"a": "x" * 10_000}])))) == 200


def test_crossed():
    """A worth is told by the situation, the action, and each of the one with each of the other."""
    assert crossed({"noon": 1.0, "heat": 2.0}, {"size": 3.0}, "a") == {
        "situation.noon": 1.0,
        "situation.heat": 2.0,
        "action.size": 3.0,
        "id=a": 1.0,
        "action.size x noon": 3.0,
        "action.size x heat": 6.0,
        "id=a x noon": 1.0,
        "id=a x heat": 2.0,
    }
