"""`AnalogNMF`: non-negative matrix factorisation on a simulated circuit, for scikit-learn."""

from __future__ import annotations

import numbers
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from amcspice.algorithm import nmf
from amcspice.algorithm.alternating.analog import AnalogSolver
from amcspice.algorithm.alternating.block import solve
from amcspice.algorithm.alternating.data import Mask, separate
from amcspice.algorithm.alternating.regression import HalfStep
from amcspice.circuit.dense import as_dense
from amcspice.device import PARTS
from amcspice.engine import Analysis
from amcspice.errors import InputError
from amcspice.extras import extra
from amcspice.pool import Pool

with extra("sklearn"):
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.utils import Tags, check_random_state
    from sklearn.utils.validation import check_is_fitted, validate_data

__all__ = ["AnalogNMF"]

Array = NDArray[np.float64]


class AnalogNMF(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """X ~ W H with W, H >= 0, every regression solved by a simulated analog circuit.

    Parameters
    ----------
    n_components : int or "auto", optional
        Columns of W; None and "auto" are the smaller side of X.
    max_iter : int
        Largest number of iterations.
    tol : float
        Stop once the relative residual falls by less than this fraction in an iteration.
    random_state : int, RandomState or None
        Of the initial factors.  Devices draw from ``device.seed``.
    ridge, lasso : float
        Of every regression, see `amcspice.Circuit`.
    fidelity : {"behavioural", "dc", "reduced", "flat", "ideal"}, optional
        See `amcspice.Analysis`; None is that of ``analysis``, or behavioural.
    analysis : Analysis, optional
        Instead of ``fidelity``, where more than that is chosen.
    circuit : {"ginv-compact", "ginv-classic"}, optional
        None is ginv-compact.
    device : Cell, optional
    wire : Wire, optional
    opamp : OpAmp, optional
    dac, adc : DAC, ADC, optional
        Hardware; None is the default of each.
    hardware : Hardware, optional
        All of these, in their place.
    hold, compensation : bool, optional
        Of the circuit; None is its default.
    n_jobs : int, optional
        Processes that share the regressions; None is 1.  Changes no result of `transform`.

    Attributes
    ----------
    components_ : ndarray, shape (n_components, n_features)
        H.
    reconstruction_err_ : float
        Frobenius norm of X - W H over the known entries.
    n_iter_ : int
    n_components_ : int
    n_features_in_ : int
    factorisation_ : Factorisation
        With the digital twin and what was measured.

    Notes
    -----
    NaN marks a missing entry; so does False in ``mask``.  The word lines of missing entries are
    switched off.  In sparse input what is not stored is zero, unless a mask says that it is
    missing.  `transform` starts every row from rest, so that a result does not depend on the
    other rows, with the arrays as they were programmed in the last half-step of the fit.

    Examples
    --------
    >>> import numpy as np
    >>> from amcspice import AnalogNMF
    >>> X = np.outer([1.0, 2.0, 3.0], [1.0, 0.5, 0.25, 1.0])
    >>> X[0, 3] = np.nan
    >>> model = AnalogNMF(n_components=1, random_state=0)
    >>> W = model.fit_transform(X)
    >>> float(model.inverse_transform(W)[0, 3].round(2))
    1.0
    """

    def __init__(
        self,
        n_components: Any = None,
        *,
        max_iter: int = 20,
        tol: float = 1e-4,
        random_state: Any = None,
        ridge: float = 0.0,
        lasso: float = 0.0,
        fidelity: Any = None,
        analysis: Analysis | None = None,
        circuit: str | None = None,
        device: Any = None,
        wire: Any = None,
        opamp: Any = None,
        dac: Any = None,
        adc: Any = None,
        hardware: Any = None,
        hold: bool | None = None,
        compensation: bool | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.ridge = ridge
        self.lasso = lasso
        self.fidelity = fidelity
        self.analysis = analysis
        self.circuit = circuit
        self.device = device
        self.wire = wire
        self.opamp = opamp
        self.dac = dac
        self.adc = adc
        self.hardware = hardware
        self.hold = hold
        self.compensation = compensation
        self.n_jobs = n_jobs

    def fit(self, X: ArrayLike, y: Any = None, mask: ArrayLike | None = None) -> Self:
        """Factorise X.

        Parameters
        ----------
        X : array_like or sparse matrix, shape (n_samples, n_features)
            Non-negative; NaN is missing.
        y
            Ignored.
        mask : array_like or sparse matrix of bool, shape (n_samples, n_features), optional
            Entries that are known.
        """
        self.fit_transform(X, y, mask)
        return self

    def fit_transform(self, X: ArrayLike, y: Any = None, mask: ArrayLike | None = None) -> Array:
        """Factorise X and return W, shape (n_samples, n_components); see `fit`."""
        V, mask = self._validated(X, mask, reset=True)
        smaller = min(V.shape)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        result = nmf(
            V,
            self._rank(smaller),
            iterations=self.max_iter,
            tolerance=self.tol,
            seed=seed,
            mask=mask,
            jobs=self.n_jobs or 1,
            analysis=self._analysis(),
            circuit=self.circuit,
            **self._parameters(),
        )
        self.factorisation_ = result
        self.components_ = result.H
        self.n_components_ = len(result.H)
        self.n_iter_ = len(result.history)
        error = V - result.approximation
        self.reconstruction_err_ = float(np.linalg.norm(error if mask is None else error[mask]))
        return result.W

    def transform(self, X: ArrayLike, mask: ArrayLike | None = None) -> Array:
        """Return W with W H ~ X for the components found, shape (n_samples, n_components)."""
        check_is_fitted(self)
        V, mask = self._validated(X, mask, reset=False)
        rows = HalfStep(
            factor=self.components_.T,
            right_hand_sides=separate(V, mask, self.ridge),
            count=len(V),
            # The programming cycle in which the fit solved for W.
            cycle=max(2 * self.n_iter_ - 1, 0),
            circuit=self.circuit,
            parameters=self._parameters(),
            separate=True,
        )
        with Pool(self.n_jobs or 1) as pool, threadpool_limits(1):
            (solution,) = solve([rows], AnalogSolver(self._analysis()), pool)
        return solution.values

    def inverse_transform(self, X: ArrayLike) -> Array:
        """Return W H for a W, shape (n_samples, n_features)."""
        check_is_fitted(self)
        product: Array = np.asarray(X, dtype=float) @ self.components_
        return product

    def _rank(self, smaller: int) -> int:
        """Return the columns of W."""
        asked = self.n_components
        if asked is None or (isinstance(asked, str) and asked == "auto"):
            return smaller
        whole = isinstance(asked, numbers.Real) and not isinstance(asked, bool)
        if not whole or not float(asked).is_integer():
            raise InputError(f"n_components = {asked!r}: must be a whole number, 'auto' or None")
        return int(asked)

    def _analysis(self) -> Analysis:
        """Return how a regression is simulated."""
        if self.analysis is None:
            return Analysis(fidelity=self.fidelity or "behavioural")
        if self.fidelity is not None:
            raise InputError("give either an analysis or its fidelity, not both")
        return self.analysis

    def _parameters(self) -> dict[str, Any]:
        """Return the parameters of the circuit that are not its defaults."""
        optional = (*PARTS, "hardware", "hold", "compensation")
        values = {name: getattr(self, name) for name in optional}
        parameters = {name: value for name, value in values.items() if value is not None}
        return {"ridge": self.ridge, "lasso": self.lasso, **parameters}

    def _validated(self, X: Any, mask: Any, *, reset: bool) -> tuple[Array, Mask | None]:
        """Return X as a dense array, zero where it is missing, and the mask of what is known."""
        validated: Any = validate_data(
            self, X, reset=reset, accept_sparse="csr", dtype=np.float64,
            ensure_all_finite="allow-nan",
        )  # fmt: skip
        V = _dense(validated)
        usable = ~np.isnan(V)
        if mask is not None:
            mask = _dense(mask).astype(bool)
            if mask.shape != V.shape:
                raise InputError(f"mask: shape {mask.shape} must be {V.shape}, as X")
            usable &= mask
        if (V[usable] < 0).any():
            raise InputError(f"Negative values in data passed to {type(self).__name__} (input X)")
        return np.where(usable, V, 0.0), None if usable.all() else usable

    @property
    def _n_features_out(self) -> int:
        return int(self.n_components_)

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn what is supported."""
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64"]
        return tags


def _dense(values: Any) -> Array:
    return np.asarray(as_dense(values, "X"))
