"""Fixtures for five-pin amplifiers: small decks in which one is measured by itself.

A fixture is a library, an instance line and supplies; `run` adds cards around copies of the
amplifier and returns what ngspice found.  Every copy is a circuit of its own on shared supplies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from amcspice.device import PINS, Compatibility, OpAmp, Subcircuit
from amcspice.engine import BatchSimulator
from amcspice.engine.ngspice.rawfile import Plot
from amcspice.netlist.instances import model_library, opamp_parameters
from amcspice.netlist.subcircuit import subcircuit_library, subcircuit_model
from amcspice.schema import Name, Quantity, parameters

__all__ = ["AmplifierFixture", "Conditions"]

TIMEOUT = 60.0
"""Seconds for one deck of a few amplifiers."""


@parameters
class Conditions:
    """Conditions under which an amplifier is measured."""

    supply_positive: Annotated[
        float, Field(gt=0, description="Positive rail."), Quantity("V", (0.1, 100))
    ] = 5.0
    supply_negative: Annotated[
        float, Field(lt=0, description="Negative rail."), Quantity("V", (0.1, 100))
    ] = -5.0
    load_resistance: Annotated[
        float,
        Field(gt=0, description="Load to ground."),
        Quantity("ohm", (0.1, 1e12)),
        Name("load"),
    ] = 1e3
    load_capacitance: Annotated[
        float, Field(ge=0, description="In parallel with the load."), Quantity("F", (0, 1e-6))
    ] = 0.0


@dataclass(frozen=True)
class AmplifierFixture:
    """An amplifier between supplies and load, ready to be measured.

    Parameters
    ----------
    label : str
        What messages call it.
    library : str
        Definitions of the sub-circuits.
    model : str
        Name of the sub-circuit, with parameters.
    conditions : Conditions
    pins : tuple of str
        What the pins are taken for, in the order of the sub-circuit: for messages.
    compat : {"ps", "lt", "psa", "ltpsa"}, optional
        Whose syntax the library has.
    """

    label: str
    library: str
    model: str
    conditions: Conditions
    pins: tuple[str, ...] = PINS
    compat: Compatibility = None

    @classmethod
    def of_subcircuit(cls, subcircuit: Subcircuit, conditions: Conditions) -> AmplifierFixture:
        """Return the fixture of a sub-circuit in a file.

        Raises
        ------
        InputError
            If the file has no such sub-circuit with five pins.
        """
        library = subcircuit_library(subcircuit)
        label, model = f"sub-circuit {subcircuit.name}", subcircuit_model(subcircuit)
        return cls(label, library, model, conditions, subcircuit.pins, subcircuit.compat)

    @classmethod
    def of_macro_model(cls, opamp: OpAmp, load: Conditions) -> AmplifierFixture:
        """Return the fixture of the macro-model with its parameters, on its own supplies."""
        name, values = opamp_parameters(opamp)
        conditions = Conditions(
            supply_positive=opamp.supply_positive,
            supply_negative=opamp.supply_negative,
            load_resistance=load.load_resistance,
            load_capacitance=load.load_capacitance,
        )
        words = [name, *(f"{key}={value!r}" for key, value in values.items())]
        return cls(f"macro-model {name}", model_library(), " ".join(words), conditions)

    def copy(self, name: str, plus: str, minus: str, *, loaded: bool) -> str:
        """Return the cards of one copy; its output is ``o_name``."""
        cards = f"X{name} {plus} {minus} o_{name} vdd vss {self.model}\n"
        if loaded:
            cards += f"Rl_{name} o_{name} 0 {self.conditions.load_resistance!r}\n"
            if self.conditions.load_capacitance:
                cards += f"Cl_{name} o_{name} 0 {self.conditions.load_capacitance!r}\n"
        return cards

    def run(self, cards: str) -> list[Plot]:
        """Run cards and return every plot.

        Raises
        ------
        SimulationError
            If ngspice fails.
        """
        text = (
            f"* {self.label}\n{self.library.rstrip()}\n"
            f"Vvdd vdd 0 {self.conditions.supply_positive!r}\n"
            f"Vvss vss 0 {self.conditions.supply_negative!r}\n{cards}\n.end\n"
        )
        return BatchSimulator().run_text(text, TIMEOUT, compat=self.compat)[0]

    def operating_point(self, cards: str) -> dict[str, float]:
        """Return the DC operating point, by node or branch."""
        vectors = self.run(f"{cards}.op")[-1].vectors
        return {name: float(np.real(values[0])) for name, values in vectors.items()}
