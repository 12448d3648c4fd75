"""A subclass without the decorator of its base is refused: its fields would be lost silently."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Annotated, ClassVar

import numpy as np
import pytest
from pydantic import Field

import amcspice as amc
from amcspice.algorithm import System
from amcspice.errors import InputError
from amcspice.schema import field_parameters, parameters

A = np.eye(2) + 0.1
BASES = [amc.Memristor, amc.Wire, amc.OpAmp, amc.DAC, amc.NonNegative, amc.Switches, amc.Analysis]


@pytest.mark.parametrize("base", BASES, ids=lambda base: base.__name__)
def test_parameters_of_a_subclass_are_never_lost(base):
    class Ageing(base):
        age: Annotated[float, Field(ge=0, description="Time since it was made.")] = 0.0

    needed = {"bits": 8} if base is amc.DAC else {}
    for use in (
        lambda: Ageing(age=1.0),
        lambda: Ageing(**needed),
        lambda: list(field_parameters(Ageing)),
    ):
        with pytest.raises(InputError, match=r"^Ageing: age would be lost; .*schema.parameters"):
            use()
    decorated = parameters(Ageing)
    assert decorated(age=2.0, **needed).age == 2.0


def test_fields_of_a_circuit_are_never_lost():
    class Loaded(amc.INV):
        loading: float = 0.5

    for options in ({}, {"loading": 0.1}):
        with pytest.raises(InputError, match=r"^Loaded: loading would be lost; .*frozen=True"):
            Loaded(A, **options)
    assert dataclass(frozen=True, eq=False)(Loaded)(A).loading == 0.5


def test_parameters_of_a_system_are_never_lost():
    class SelfTest(System):
        name: ClassVar[str] = "self-test"
        lines: int = 4

        def run(self, point):
            return {}

    with pytest.raises(InputError, match="SelfTest: lines would be lost"):
        list(field_parameters(SelfTest))


def test_a_new_default_without_a_type_is_refused():
    """Python would keep the old one, with the decorator and without it."""

    class Coarse(amc.Memristor):
        levels = 16

    for kind in (Coarse, parameters(Coarse)):
        with pytest.raises(InputError, match="Coarse: levels would be lost"):
            kind()


def test_a_new_default_with_a_plain_type_keeps_unit_limits_and_description():
    """Options are one table: without them ``g_max`` of this cell would be another parameter."""

    @parameters
    class Small(amc.Memristor):
        g_max: float = 4e-5
        write_noise: int = 0  # another type says another thing

    kept, said = (
        {each.name: each for each in field_parameters(kind)} for kind in (Small, amc.Memristor)
    )
    assert kept["g_max"] == replace(said["g_max"], default=4e-5, fields=((Small, "g_max"),))
    assert (kept["write_noise"].kind, kept["write_noise"].description) == ("integer", "")
    assert Small().g_max == Small(g_max="40 uS").g_max == 4e-5
    with pytest.raises(InputError, match=r"^Small.g_max = -1: input should be greater than 0"):
        Small(g_max=-1)


def test_a_new_default_of_a_circuit_keeps_its_limits():
    @dataclass(frozen=True, eq=False)
    class Damped(amc.CompactGINV):
        ridge: float = field(default=0.1, kw_only=True)

    assert Damped(A).ridge == 0.1
    with pytest.raises(InputError, match=r"^Damped.ridge = -1: input should be greater"):
        Damped(A, ridge=-1)


def test_methods_properties_and_values_of_the_class_need_no_decorator():
    class Cells(amc.Memristor):
        maker: ClassVar[str] = "somebody"
        figure = 5

        @property
        def drawn(self):
            return False

    class Inverse(amc.INV):
        name = "another-inverse"

    assert not Cells(levels=4).drawn
    assert [item.name for item in fields(Cells)] == [item.name for item in fields(amc.Memristor)]
    assert Inverse(A).name == "another-inverse"
    later = parameters(type("Later", (Cells,), {"__annotations__": {"age": float}, "age": 0.0}))
    assert later(age=3.0).age == 3.0
