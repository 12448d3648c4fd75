"""`AnalogNMF`: non-negative matrix factorisation on a simulated circuit, for scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from amcspice.errors import InputError
from amcspice.pool import Pool, Report
from amcspice.solver import Analysis, Factorisation, nmf
from amcspice.solver.regression import AnalogStep

__all__ = ["AnalogNMF"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

ROWS_PER_TASK = 16


class AnalogNMF(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """X ~ W H with W, H >= 0, every regression solved by a simulated analog circuit.

    Parameters
    ----------
    n_components : int, optional
        Columns of W; None is the smaller side of X.
    max_iter : int
        Largest number of iterations.
    tol : float
        Stop once the relative residual falls by less than this fraction in an iteration.
    random_state : int, RandomState or None
        Of the initial factors.  Devices draw from ``device.seed``.
    ridge, lasso : float
        Of every regression, see `amcspice.Circuit`.
    fidelity : {"behavioural", "reduced", "flat", "ideal"}
        See `amcspice.Analysis`.
    circuit : {"ginv-compact", "ginv-classic"}, optional
        None is ginv-compact.
    device : Memristor, optional
    wire : Wire, optional
    opamp : OpAmp, optional
        Hardware; None is the default of each.
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
        n_components: int | None = None,
        *,
        max_iter: int = 20,
        tol: float = 1e-4,
        random_state: Any = None,
        ridge: float = 0.0,
        lasso: float = 0.0,
        fidelity: Any = "behavioural",
        circuit: str | None = None,
        device: Any = None,
        wire: Any = None,
        opamp: Any = None,
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
        self.circuit = circuit
        self.device = device
        self.wire = wire
        self.opamp = opamp
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
        V, known = self._validated(X, mask, reset=True)
        smaller = min(V.shape)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        found: Factorisation = nmf(
            V,
            smaller if self.n_components is None else self.n_components,
            iterations=self.max_iter,
            tolerance=self.tol,
            seed=seed,
            mask=known,
            jobs=self.n_jobs or 1,
            analysis=Analysis(fidelity=self.fidelity),
            circuit=self.circuit,
            **self._parameters(),
        )
        self.factorisation_ = found
        self.components_ = found.H
        self.n_components_ = len(found.H)
        self.n_iter_ = len(found.history)
        error = V - found.approximation
        self.reconstruction_err_ = float(np.linalg.norm(error if known is None else error[known]))
        return found.W

    def transform(self, X: ArrayLike, mask: ArrayLike | None = None) -> Array:
        """Return W with W H ~ X for the components found, shape (n_samples, n_components)."""
        check_is_fitted(self)
        V, known = self._validated(X, mask, reset=False)
        step = AnalogStep(
            analysis=Analysis(fidelity=self.fidelity),
            circuit=self.circuit,
            parameters=self._parameters(),
        )
        # The programming cycle in which the fit solved for W.
        cycle = max(2 * self.n_iter_ - 1, 0)
        tasks = [
            _Rows(step, self.components_.T, V[at], None if known is None else known[at], cycle)
            for at in (slice(k, k + ROWS_PER_TASK) for k in range(0, len(V), ROWS_PER_TASK))
        ]
        with Pool(self.n_jobs or 1) as pool:
            return np.concatenate(pool.map(_transform, tasks))

    def inverse_transform(self, X: ArrayLike) -> Array:
        """Return W H for a W, shape (n_samples, n_features)."""
        check_is_fitted(self)
        product: Array = np.asarray(X, dtype=float) @ self.components_
        return product

    def _parameters(self) -> dict[str, Any]:
        """Return the parameters of the circuit that were given."""
        optional = ("device", "wire", "opamp", "hold", "compensation")
        given = {name: getattr(self, name) for name in optional}
        given = {name: value for name, value in given.items() if value is not None}
        return {"ridge": self.ridge, "lasso": self.lasso, **given}

    def _validated(self, X: Any, mask: Any, *, reset: bool) -> tuple[Array, Mask | None]:
        """Return X as a dense array, zero where it is missing, and what is known."""
        checked: Any = validate_data(
            self, X, reset=reset, accept_sparse="csr", dtype=np.float64,
            ensure_all_finite="allow-nan",
        )  # fmt: skip
        V = _dense(checked)
        known = ~np.isnan(V)
        if mask is not None:
            given = _dense(mask).astype(bool)
            if given.shape != V.shape:
                raise InputError(f"mask: shape {given.shape} must be {V.shape}, as X")
            known &= given
        if (V[known] < 0).any():
            raise InputError(f"Negative values in data passed to {type(self).__name__} (input X)")
        return np.where(known, V, 0.0), None if known.all() else known

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
    dense: Array = np.asarray(values.toarray() if hasattr(values, "toarray") else values)
    return dense


@dataclass(frozen=True, eq=False)
class _Rows:
    """Some rows to transform."""

    step: AnalogStep
    matrix: Array
    rows: Array
    known: Mask | None
    cycle: int


def _transform(task: _Rows, report: Report) -> Array:
    found = [
        task.step(
            task.matrix, row[None], None if task.known is None else task.known[k][None], task.cycle
        )[0]
        for k, row in enumerate(task.rows)
    ]
    report(len(found))
    return np.concatenate(found)
