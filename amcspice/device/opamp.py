"""Amplifier parameters and presets; the sub-circuits themselves are ``models/opamp.lib``."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from amcspice.errors import InputError
from amcspice.files import read_spice
from amcspice.registry import Registry
from amcspice.schema import Name, Quantity, parameters

__all__ = ["PINS", "PRESETS", "Compatibility", "OpAmp", "Subcircuit"]

Compatibility = Literal["ps", "lt", "psa", "ltpsa"] | None
"""Whose syntax SPICE text has, as ngspice calls it (``ngbehavior``): PSpice's or LTspice's; with an
a, outside of libraries as well; None is ngspice's own."""

PINS = ("in+", "in-", "out", "vdd", "vss")
"""Pins of an amplifier, in the order in which the sub-circuits of amcspice have them."""

_OTHER_NAMES = {"v+": "vdd", "v-": "vss"}


def _as_pins(value: Any) -> Any:
    """Return the order of five pins, from text as well."""
    words = re.split(r"[\s,]+", value.strip()) if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        return value
    order = tuple(_OTHER_NAMES.get(word.lower(), word.lower()) for word in words)
    if sorted(order) != sorted(PINS):
        raise ValueError(
            f"five pins are needed, each once, in the order of the sub-circuit: {' '.join(PINS)}"
        )
    return order


@parameters
class Subcircuit:
    """A sub-circuit in a SPICE library file, named and fixed by the hash of the file.

    Parameters
    ----------
    file : str
        Path of the library.
    name : str
        Name of the sub-circuit, which has five pins.
    sha256 : str
        Hash of the file when it was named; a file that has changed since is refused.
    pins : tuple of str or str, optional
        What its pins are, in its order; ``"in+ in- vdd vss out"`` is that of most vendors.
    supply_share : float
        Part of its output current that comes out of its supply pins, as measured: 1 for an
        amplifier of transistors, 0 for one whose output stage stands on ground.  What is missing
        is added to the power.
    compat : {"ps", "lt", "psa", "ltpsa"}, optional
        Whose syntax the file has: PSpice's (``psa``), LTspice's and PSpice's (``ltpsa``); without
        the a only files that it includes do.  None is ngspice's own.

    Examples
    --------
    >>> import amcspice as amc
    >>> opamp = amc.measured_opamp("models/miller.lib", "amc_miller")
    >>> isinstance(opamp.subcircuit, amc.Subcircuit), opamp.subcircuit.name
    (True, 'amc_miller')
    """

    file: str
    name: str
    sha256: str
    pins: Annotated[tuple[str, ...], BeforeValidator(_as_pins)] = PINS
    supply_share: float = 1.0
    compat: Compatibility = None

    @classmethod
    def of(
        cls,
        file: str | Path,
        name: str,
        pins: str | Sequence[str] | None = None,
        compat: Compatibility = None,
    ) -> Self:
        """Name a sub-circuit of a file as it is now.

        Parameters
        ----------
        file : path
        name : str
        pins : str or sequence of str, optional
            What its pins are, in its order; None is in+ in- out vdd vss.
        compat : {"ps", "lt", "psa", "ltpsa"}, optional
            Whose syntax the file has.

        Raises
        ------
        InputError
            If the file cannot be read, or the pins are not the five of an amplifier.
        """
        path = Path(file).resolve()
        order: Any = PINS if pins is None else pins
        return cls(
            file=str(path), name=name, sha256=_sha256(_read(path)), pins=order, compat=compat
        )

    def read(self) -> str:
        """Return the text of the file.

        Raises
        ------
        InputError
            If it cannot be read, is no text, or has changed.
        """
        content = _read(Path(self.file))
        if _sha256(content) != self.sha256:
            raise InputError(f"{self.file} has changed since it was read: name it again")
        return read_spice(Path(self.file), content)


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise InputError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@parameters
class OpAmp:
    """An operational amplifier: gain, bandwidth, limits, consumption and mismatch.

    ``assumed`` names the figures of a real part that were not read in its data sheet.

    Examples
    --------
    >>> import amcspice as amc
    >>> opamp = amc.OpAmp.preset("onchip-1g", gbw="2 GHz")
    >>> opamp.gbw, opamp.gain
    (2000000000.0, 10000.0)
    >>> amc.OpAmp(gain=1e5, offset="0.2 mV").offset
    0.0002
    """

    gain: Annotated[
        float, Field(gt=1, description="Open-loop DC gain A0."), Quantity("V/V", (2, 1e10))
    ] = 1e6
    gbw: Annotated[
        float, Field(gt=0, description="Gain-bandwidth product."), Quantity("Hz", (1e3, 1e12))
    ] = 100e6
    slew_rate: Annotated[
        float | None,
        Field(gt=0, description="Slew rate; none is no limit."),
        Quantity("V/s", (1e2, 1e14)),
    ] = None
    second_pole: Annotated[
        float | None,
        Field(gt=0, description="Frequency of the second pole; none is a single-pole amplifier."),
        Quantity("Hz", (1e3, 1e13)),
    ] = None
    offset: Annotated[
        float,
        Field(description="Input offset voltage, in series with the non-inverting input."),
        Quantity("V", (0, 0.1)),
    ] = 0.0
    bias_current: Annotated[
        float, Field(description="Current into each input."), Quantity("A", (0, 1e-3))
    ] = 0.0
    input_resistance: Annotated[
        float | None,
        Field(gt=0, description="Differential input resistance; none is infinite."),
        Quantity("ohm", (100, 1e18)),
    ] = None
    input_capacitance: Annotated[
        float,
        Field(ge=0, description="Capacitance of each input to ground."),
        Quantity("F", (0, 1e-9)),
    ] = 0.0
    output_resistance: Annotated[
        float, Field(gt=0, description="Open-loop output resistance."), Quantity("ohm", (1e-6, 1e5))
    ] = 0.1
    output_current_limit: Annotated[
        float | None,
        Field(gt=0, description="Largest output current, both signs; none is no limit."),
        Quantity("A", (1e-6, 10)),
    ] = None
    supply_positive: Annotated[
        float, Field(gt=0, description="Positive rail."), Quantity("V", (0.1, 100))
    ] = 5.0
    supply_negative: Annotated[
        float, Field(lt=0, description="Negative rail."), Quantity("V", (0.1, 100))
    ] = -5.0
    headroom_positive: Annotated[
        float,
        Field(ge=0, description="How close to the positive rail the output swings."),
        Quantity("V", (0, 10)),
    ] = 0.0
    headroom_negative: Annotated[
        float,
        Field(
            ge=0,
            description="How close to the negative rail, or to ground where that is its "
            "supply, the output swings.",
        ),
        Quantity("V", (0, 10)),
    ] = 0.0
    quiescent_current: Annotated[
        float, Field(ge=0, description="Current from rail to rail."), Quantity("A", (0, 1))
    ] = 0.0
    input_noise: Annotated[
        float,
        Field(ge=0, description="Density of the input voltage noise, white, one-sided."),
        Quantity("V/sqrt(Hz)", (0, 1e-5)),
    ] = 0.0
    offset_sigma: Annotated[
        float,
        Field(ge=0, description="Standard deviation of the offset from amplifier to amplifier."),
        Quantity("V", (0, 0.1)),
    ] = 0.0
    gain_sigma: Annotated[
        float,
        Field(
            ge=0,
            lt=2,
            description="Standard deviation of the logarithm of the gain from amplifier to "
            "amplifier.",
        ),
        Quantity(),
    ] = 0.0
    mismatch_seed: Annotated[
        int,
        Field(
            ge=0,
            description="Of the draw of offsets and gains; commands and sweeps take seed for it, "
            "unless it is given.",
        ),
    ] = 0
    subcircuit: Annotated[
        Subcircuit | None,
        Field(
            description="What decks hold in the place of the macro-model, whose parameters then "
            "describe it; see amcspice.characterise.measured_opamp."
        ),
        Name(made_of=("opamp_lib", "opamp_subckt", "opamp_pins", "opamp_compat")),
    ] = None
    source: Annotated[
        str, Field(description="Where the figures come from."), Name("opamp_source")
    ] = "user"
    assumed: Annotated[
        tuple[str, ...],
        Field(
            description="Names of the figures of a real part that were not read in its data sheet: "
            "assumed, derived or remembered, as the source says; results that depend on them say "
            "so."
        ),
    ] = ()

    def __post_init__(self) -> None:
        """Refuse an amplifier without output range, and assumptions about nothing."""
        unknown = sorted(set(self.assumed) - self._figures())
        if unknown:
            raise ValueError(f"assumed names no figure of an amplifier: {', '.join(unknown)}")
        if self.highest_output <= 0 or self.lowest_output >= 0:
            raise ValueError("headroom leaves no output range on both sides of 0 V")
        if self.subcircuit is not None and self.gain_sigma:
            raise ValueError("gain_sigma does not reach into a sub-circuit: use offset_sigma alone")

    @property
    def highest_output(self) -> float:
        """Upper end of the output range [V]."""
        return self.supply_positive - self.headroom_positive

    @property
    def lowest_output(self) -> float:
        """Lower end of the output range on the negative supply [V]."""
        return self.supply_negative + self.headroom_negative

    @property
    def reach(self) -> float:
        """Largest voltage of either sign that the input stage holds at rest [V].

        Its current ends at the slew rate, and the finite gain leaks; infinite without slew limit.
        """
        if self.slew_rate is None:
            return np.inf
        return self.gain * self.slew_rate / (2 * np.pi * self.gbw)

    @property
    def matched(self) -> bool:
        """Whether all amplifiers of a circuit are equal."""
        return not (self.offset_sigma or self.gain_sigma)

    def offsets(self, count: int) -> NDArray[np.float64]:
        """Return the input offset of each of ``count`` amplifiers, normally distributed [V].

        The first ones are the same however many there are.
        """
        return self.offset + self._spread(self.offset_sigma, 0, count)

    def gains(self, count: int) -> NDArray[np.float64]:
        """Return the DC gain of each of ``count`` amplifiers, log-normal around `gain`."""
        gains: NDArray[np.float64] = self.gain * np.exp(self._spread(self.gain_sigma, 1, count))
        return gains

    def _spread(self, sigma: float, stream: int, count: int) -> NDArray[np.float64]:
        if not sigma:
            return np.zeros(count)
        draw = np.random.default_rng([self.mismatch_seed, stream])
        return sigma * draw.standard_normal(count)

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """Return a preset, with single parameters changed on request.

        Raises
        ------
        InputError
            If there is no preset of that name.
        """
        entry: Any = PRESETS.choose(name)
        made: Self = entry() if isinstance(entry, type) else cls(**entry)
        return made.changed(**changes)

    def changed(self, **changes: Any) -> Self:
        """Return it with single figures changed; what was assumed and is another now is known.

        Parameters
        ----------
        **changes
            Fields, such as ``second_pole="40 MHz"``.
        """
        made = dataclasses.replace(self, **changes)
        if "assumed" in changes:
            return made
        still = tuple(name for name in made.assumed if getattr(made, name) == getattr(self, name))
        return made if still == made.assumed else dataclasses.replace(made, assumed=still)

    @classmethod
    def _figures(cls) -> set[str]:
        described = {"source", "assumed", "subcircuit", "mismatch_seed"}
        return {item.name for item in dataclasses.fields(cls)} - described


_BUILT_IN: dict[str, dict[str, Any]] = {
    "ideal": {
        "source": "not a part: gain 1e6, GBW 100 MHz, no slew or current limit, +-5 V rail to rail"
    },
    "ad823": {
        "gain": 5e4,
        "gbw": 16e6,
        "slew_rate": 22e6,
        "second_pole": 24e6,
        "input_capacitance": 1.8e-12,
        "quiescent_current": 2.6e-3,
        "headroom_positive": 0.05,
        "headroom_negative": 0.05,
        "input_noise": 16e-9,
        "source": "AD823 data sheet (slew rate, supply current, +-5 V, swing to within 50 mV of "
        "either rail, noise at 10 kHz; its 16 MHz as a follower are taken for the GBW); 1.8 pF "
        "as remembered from its tables, unchecked; a second pole of 1.5 GBW, which is a phase "
        "margin of 60 degrees, gain 5e4 for loads of kilo-ohms and output resistance 0.1 ohm are "
        "assumptions",
        "assumed": ("gain", "gbw", "second_pole", "input_capacitance", "output_resistance"),
    },
    "opa690": {
        "gain": 2800,
        "gbw": 300e6,
        "slew_rate": 1800e6,
        "second_pole": 300e6,
        "input_capacitance": 1.5e-12,
        "quiescent_current": 5.5e-3,
        "headroom_positive": 1.0,
        "headroom_negative": 1.0,
        "input_noise": 5.5e-9,
        "source": "OPA690 data sheet SBOS223 (GBW, slew rate, supply current, +-5 V, swing to "
        "within 1 V of either rail, noise); the second pole is derived: with that GBW it makes "
        "212 of the stated 220 MHz at a gain of two; 1.5 pF is 0.9 pF to ground and 0.6 pF "
        "between the inputs as remembered from its tables, unchecked; gain 69 dB and output "
        "resistance 0.1 ohm are assumptions; its bias current and its current limit of 190 mA are "
        "left out",
        "assumed": ("gain", "second_pole", "input_capacitance", "output_resistance"),
    },
    "ad8606": {
        "gain": 1e6,
        "gbw": 10e6,
        "slew_rate": 5e6,
        "second_pole": 19.4e6,
        "input_capacitance": 11.4e-12,
        "quiescent_current": 1e-3,
        "supply_positive": 2.5,
        "supply_negative": -2.5,
        "headroom_positive": 0.02,
        "headroom_negative": 0.02,
        "input_noise": 8e-9,
        "source": "AD8605/AD8606/AD8608 data sheet (GBW, gain 1000 V/mV, noise); slew rate 5 V/us, "
        "1 mA, +-2.5 V, swing to within 20 mV, 8.8 pF to ground and 2.6 pF between the inputs, and "
        "the phase margin of 65 degrees that the second pole follows from, as remembered from its "
        "tables, unchecked; output resistance 0.1 ohm is an assumption",
        "assumed": (
            "slew_rate",
            "second_pole",
            "input_capacitance",
            "quiescent_current",
            "headroom_positive",
            "headroom_negative",
            "output_resistance",
        ),
    },
    "miller-cmos": {
        "gain": 2.45e5,
        "gbw": 29.4e6,
        "slew_rate": 24.8e6,
        "second_pole": 76.3e6,
        "input_capacitance": 0.223e-12,
        "output_resistance": 81.2,
        "quiescent_current": 0.777e-3,
        "supply_positive": 2.5,
        "supply_negative": -2.5,
        "headroom_positive": 0.827,
        "headroom_negative": 0.817,
        "input_noise": 6.53e-9,
        "source": "fitted to amc_miller of models/miller.lib, a transistor-level amplifier of our "
        "own, under 1 kohm (scripts/characterise_models.py)",
    },
    "onchip-1g": {
        "gain": 1e4,
        "gbw": 1e9,
        "slew_rate": 1e9,
        "quiescent_current": 0.5e-3,
        "supply_positive": 0.6,
        "supply_negative": -0.6,
        "headroom_positive": 0.05,
        "headroom_negative": 0.05,
        "output_resistance": 10.0,
        "input_noise": 10e-9,
        "source": "assumed on-chip amplifier of the 1 GHz class on a 1.2 V supply; no real part",
    },
}


def _fault(entry: Any) -> str | None:
    if isinstance(entry, Mapping) or (isinstance(entry, type) and issubclass(entry, OpAmp)):
        return None
    return "it is neither a mapping of fields of amcspice.OpAmp nor a subclass of it"


PRESETS: Registry[Mapping[str, Any] | type[OpAmp]] = Registry(
    "amplifier preset", "amcspice.opamps", _BUILT_IN, _fault
)
