"""How a field of a dataclass describes itself: unit, range, help, name, plausible values."""

from amcspice.schema.dataclass import (
    document,
    parameters,
    plain_signature,
    warn_of_implausible,
)
from amcspice.schema.lost_fields import refuse_lost_fields
from amcspice.schema.parameter import NOTHING, Parameter, Scalar, field_parameters
from amcspice.schema.quantity import Name, Quantity, to_number, to_text

__all__ = [
    "NOTHING",
    "Name",
    "Parameter",
    "Quantity",
    "Scalar",
    "document",
    "field_parameters",
    "parameters",
    "plain_signature",
    "refuse_lost_fields",
    "to_number",
    "to_text",
    "warn_of_implausible",
]
