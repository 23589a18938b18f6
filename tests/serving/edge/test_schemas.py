"""Requests say numbers as numbers and truths as truths: what is a text stays one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import serving.app  # noqa: F401 with it all requests are defined
from serving.edge.schemas import MOST_MEMBERS, StrictPart, StrictRequest
from serving.routes.personalizer.schemas import MultiSlotRewardRequest, RewardRequest, SlotReward

QUERIES = ("Query", "Selection")
"""How shapes end whose values stand in an address, where all is text."""


def bodies(of: type[BaseModel] = StrictPart) -> Iterator[type[BaseModel]]:
    """Every shape of a body, or of a part of one."""
    for one in of.__subclasses__():
        is_body = one is not StrictRequest and not one.__name__.endswith(QUERIES)
        if is_body and one.__module__.startswith("serving."):
            yield one
        yield from bodies(one)


def of_kinds(schema: dict[str, Any]) -> set[str]:
    """Of which kinds a value of a member may be, in lists too."""
    inner = [one for part in ("anyOf", "oneOf") for one in schema.get(part, ())]
    if "items" in schema:
        inner.append(schema["items"])
    return {schema.get("type", "")}.union(*map(of_kinds, inner))


@pytest.mark.parametrize(
    "shape",
    [*dict.fromkeys(bodies()), RewardRequest, SlotReward, MultiSlotRewardRequest],
    ids=lambda shape: shape.__name__,
)
def test_no_text_is_a_number(shape):
    """A number or a truth as a text, and a truth as a number, are pointed at."""
    for name, schema in shape.model_json_schema()["properties"].items():
        kinds = of_kinds(schema)
        wrong: list[Any] = (
            [True] if kinds & {"number", "integer"} and "boolean" not in kinds else []
        )
        wrong += [1] if "boolean" in kinds and not kinds & {"number", "integer"} else []
        if kinds & {"number", "integer", "boolean"} and "string" not in kinds:
            wrong += ["1", "0.5", "true"]
        for one in [[value] if "array" in kinds else value for value in wrong]:
            with pytest.raises(ValidationError) as caught:
                shape.model_validate({name: one})
            assert name in {error["loc"][0] for error in caught.value.errors()}, (name, one)


def test_very_many_members():
    """A hundred unknown members are told one by one, and more of them at once."""

    class Asked(StrictRequest):
        name: str = ""

    few = {f"m{at}": at for at in range(MOST_MEMBERS)}
    with pytest.raises(ValidationError) as caught:
        Asked.model_validate(few)
    assert len(caught.value.errors()) == MOST_MEMBERS
    with pytest.raises(ValidationError) as caught:
        Asked.model_validate({**few, "name": 1})
    (error,) = caught.value.errors()
    assert (error["type"], error["loc"]) == ("too_many", ())
