"""Refinement: a coarse analog inverse and a fine product give solutions of any precision."""

from amcspice.algorithm.refinement.compensated import CompensatedProduct
from amcspice.algorithm.refinement.floor import slices_for
from amcspice.algorithm.refinement.forecast import Forecast, forecast, rehearse
from amcspice.algorithm.refinement.loop import refine
from amcspice.algorithm.refinement.methods import METHODS, Method
from amcspice.algorithm.refinement.products import ExactProduct, Product
from amcspice.algorithm.refinement.result import Refined, Step
from amcspice.algorithm.refinement.sliced import SlicedProduct
from amcspice.algorithm.refinement.slicing import Slicing

__all__ = [
    "METHODS",
    "CompensatedProduct",
    "ExactProduct",
    "Forecast",
    "Method",
    "Product",
    "Refined",
    "SlicedProduct",
    "Slicing",
    "Step",
    "forecast",
    "refine",
    "rehearse",
    "slices_for",
]
