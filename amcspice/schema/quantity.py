"""Numbers with units: what a field says of its own, and how text becomes a number in SI units.

``M`` and ``Meg`` before a unit are mega, ``m`` is milli.  Without a unit the suffixes that SPICE
and SI read alike are taken (``50k``, ``10u``, ``2Meg``); ``1M`` is milli in SPICE and mega in SI,
so it is refused.
"""

from __future__ import annotations

import functools
import math
import numbers
import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

__all__ = ["MOST", "Name", "Quantity", "to_number", "to_text"]

_SPELLED = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(\s*)(.*)", re.DOTALL)
_POWERS = re.compile(r"(?<!\.)\d\d|(\*\*|\^).*(\*\*|\^)")
"""Powers of powers and large ones, which no unit has and which take for ever to work out."""

_SUFFIXES = {
    "T": 1e12, "G": 1e9, "Meg": 1e6, "meg": 1e6, "MEG": 1e6, "k": 1e3, "K": 1e3, "m": 1e-3,
    "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15,
}  # fmt: skip
"""What a number without a unit may end with: read alike by SPICE and SI."""

MOST = 1e30
"""Size of a number, and of its inverse: beyond that no unit makes sense of it."""

LONGEST = 60
"""Characters of a quantity; a longer text is none."""


@dataclass(frozen=True)
class Quantity:
    """Metadata of a numeric field: its unit, and between what values it is plausible.

    Stands in ``Annotated``; the field then takes text with a unit, such as ``"50 MHz"``, too.

    Parameters
    ----------
    unit : str
        SI unit; "" is a pure number, of which ``"3 %"`` is one, too.
    plausible : (float, float), optional
        Smallest and largest magnitude that a real part has; zero is never implausible.
    also : str
        Another unit that text may have, where the circuit decides which it is.

    Examples
    --------
    >>> Quantity("Hz").read("50 MHz"), Quantity().read("3 %"), Quantity("S").read(1e-4)
    (50000000.0, 0.03, 0.0001)
    """

    unit: str = ""
    plausible: tuple[float, float] | None = None
    also: str = ""

    def read(self, value: Any) -> Any:
        """Return a number for text, other values as they are; `ValueError` says what is wrong."""
        if isinstance(value, str):
            try:
                return to_number(value, self.unit)
            except ValueError:
                if not self.also:
                    raise
                return to_number(value, self.also)
        if isinstance(value, bool):
            raise ValueError("not a number")
        return value

    def check(self, value: Any) -> Any:
        """Return a value; `ValueError` if it is a number of which products leave all range."""
        if isinstance(value, numbers.Real) and value and math.isfinite(value):
            size = abs(float(value))
            if not 1 / MOST <= size <= MOST:
                raise ValueError(f"must be zero or from {1 / MOST:g} to {MOST:g} in size")
        return value

    def remark(self, value: Any) -> str | None:
        """Say what is implausible about a number; None if nothing is."""
        if self.plausible is None or not isinstance(value, numbers.Real) or not value:
            return None
        low, high = self.plausible
        if low <= abs(float(value)) <= high:
            return None
        unit = f" {self.unit}" if self.unit else ""
        return f"{value:g}{unit} is not plausible: {low:g} to {high:g}{unit} are"

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Read text before the type itself is checked, and look at the number after it."""
        read = core_schema.no_info_before_validator_function(self.read, handler(source))
        return core_schema.no_info_after_validator_function(self.check, read)


@dataclass(frozen=True)
class Name:
    """Metadata of a field: what it is called where fields of several classes stand side by side.

    Parameters
    ----------
    name : str
        Its name on the command line, in sweeps and in files.
    together : str
        Name that stands for this field and others at once, such as both lines of an array.
    made_of : tuple of str
        Parameters that make its value, where it cannot be given by itself.
    file : bool
        The value may be the name of a file that holds it.
    number : bool
        Or a number, in the place of the file.
    """

    name: str = ""
    together: str = ""
    made_of: tuple[str, ...] = ()
    file: bool = False
    number: bool = False


@functools.lru_cache(maxsize=4096)
def to_number(text: str, unit: str = "") -> float:
    """Return a text as a number in a unit.

    Parameters
    ----------
    text : str
        A number, alone or with a unit or a suffix.
    unit : str
        SI unit of the result; "" for a pure number.

    Raises
    ------
    ValueError
        If it is none, has another unit, or can be read in two ways.

    Examples
    --------
    >>> to_number("50MHz", "Hz"), to_number("2 kOhm", "ohm"), to_number("10u", "S")
    (50000000.0, 2000.0, 1e-05)
    >>> to_number("100 dB", "V/V"), to_number("16 nV/sqrt(Hz)", "V/sqrt(Hz)")
    (100000.0, 1.6e-08)
    """
    try:
        return float(text.replace("_", "x"))
    except ValueError:
        pass
    wanted = f" in {unit}" if unit else ""
    example = f", such as '{_EXAMPLES[unit]}'" if unit in _EXAMPLES else ""
    none = ValueError(f"neither a number nor a quantity{wanted}{example}")
    spelled = _SPELLED.fullmatch(text.strip())
    if spelled is None or len(text) > LONGEST or not spelled[3] or _POWERS.search(spelled[3]):
        raise none
    number, suffix = float(spelled[1]), spelled[3].strip()
    if suffix == "M":
        raise ValueError(_both_readings(spelled[1], unit))
    if suffix.lower() in ("db", "dbm", "np", "neper", "decibel") and suffix + unit != "dBV/V":
        raise none
    if suffix == "dB" and unit == "V/V":
        if abs(number) > 1000:
            raise ValueError(f"{text} is beyond any gain")
        return float(10.0 ** (number / 20))
    factor = _prefixed(suffix, unit)
    value = _converted(number, suffix, unit) if factor is None else number * factor
    if value is None and suffix in _SUFFIXES and not spelled[2]:
        value = number * _SUFFIXES[suffix]
    if value is None:
        if _is_unit(suffix):
            is_pure = unit in ("", "V/V")
            expected = "a number without unit (or %)" if is_pure else f"a quantity in {unit}"
            raise ValueError(f"{expected} is needed")
        raise none
    if isinstance(value, str):
        raise ValueError(value)
    if value == number:
        return number
    # "200 uS" is the same point as 2e-4: without the last digits of the conversion.
    return float(f"{value:.15g}") if math.isfinite(value) else value


_EXAMPLES = {
    "Hz": "50 MHz", "S": "100 uS", "ohm": "2 ohm", "F": "2 fF", "V": "0.2 V", "s": "100 ns",
    "A": "2 mA", "V/s": "20 V/us", "K": "300 K", "V/sqrt(Hz)": "16 nV/sqrt(Hz)",
}  # fmt: skip


_SI = {
    "": 1.0, "T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "μ": 1e-6,
    "n": 1e-9, "p": 1e-12, "f": 1e-15,
}  # fmt: skip

_SIMPLE = re.compile(r"(1/)?(Hz|ohm|[SFVsAJWm])(\^2)?")
"""Units that are read without pint, which takes half a second to import."""


@functools.cache
def _prefixed(suffix: str, unit: str) -> float | None:
    """Return the factor of a simple unit with an SI prefix; None where pint has to say."""
    simple = _SIMPLE.fullmatch(unit)
    if simple is None:
        return None
    one, base, power = (part or "" for part in simple.groups())
    for prefix, factor in _SI.items():
        if suffix == f"{one}{prefix}{base}{power}":
            scaled = factor**2 if power else factor
            return 1 / scaled if one else scaled
    return None


def _both_readings(number: str, unit: str) -> str:
    if not unit:
        return f"{number}M is mega in SI, milli in SPICE: write {number}e6 or {number}e-3"
    mega, milli = (
        f"{number} {prefix}{unit}" if unit.isalpha() else f"{number}{exponent}"
        for prefix, exponent in (("M", "e6"), ("m", "e-3"))
    )
    return (
        f"{number}M has no unit, and M is mega in SI, milli in SPICE: write '{mega}' or '{milli}'"
    )


def _converted(number: float, suffix: str, unit: str) -> float | str | None:
    """Return a number in the unit, why it is none in it, or None if the suffix is no such unit."""
    # Pint takes half a second to import: only those who write units wait for it.
    import pint

    try:
        quantity = _registry().Quantity(number, _pint_unit(suffix))
        value = float(quantity.to(_pint_unit(unit) or "dimensionless").magnitude)
    except pint.DimensionalityError:
        return None
    except Exception:  # pint and the tokenizer below it have no common base of errors
        return None
    if "radian" in str(quantity.to_base_units().units):
        wanted = "a frequency in Hz is needed, not an angular one" if unit == "Hz" else None
        return wanted or "an angle is no such quantity"
    return value


def _is_unit(suffix: str) -> bool:
    try:
        _registry().Unit(_pint_unit(suffix))
    except Exception:  # see above
        return False
    return True


def _pint_unit(unit: str) -> str:
    """Return a unit as pint spells it."""
    unit = re.sub(r"(?i)ohms?", "ohm", unit)
    unit = re.sub(r"(?i)\bmeg(?!a)(?=[A-Za-zΩ])", "M", unit)
    return re.sub(r"(sqrt\(Hz\)|√Hz|rtHz)", "Hz**0.5", unit)


@functools.cache
def _registry() -> Any:
    import pint

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True)


def to_text(value: float | None, unit: str) -> str:
    """Return a value with four digits and an SI prefix; a dash for none.

    What is below the smallest prefix is zero, and zero has no sign.

    Examples
    --------
    >>> to_text(2.4e7, "Hz"), to_text(-0.0, "A"), to_text(None, "ohm")
    ('24 MHz', '0 A', '-')
    """
    if value is None:
        return "-"
    if abs(value) < SMALLEST:
        value = 0.0
    if unit in ("", "V/V", "degrees") or value == 0:
        return f"{value:.4g} {unit}".rstrip()
    exponent = min(
        (e for e in _PREFIXES if abs(value) < 10.0 ** (e + 3) * (1 - 5e-5)), default=max(_PREFIXES)
    )
    return f"{value / 10.0**exponent:.4g} {_PREFIXES[exponent]}{unit}"


SMALLEST = 1e-21
"""A value below this is zero in a text."""

_PREFIXES = {
    -18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G",
    12: "T",
}  # fmt: skip
