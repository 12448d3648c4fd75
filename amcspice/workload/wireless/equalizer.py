"""`as_equalizer`: detection on a chip where a link simulator expects an equaliser of its own.

Sionna's ``OFDMEqualizer`` takes any function of received vectors, channels and noise covariances
that returns symbols and their noise variances.  Tensors of torch go in and come out; nothing of
torch is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from amcspice.errors import InputError
from amcspice.system import Chip
from amcspice.workload.wireless.processing import Plan, receiver

__all__ = ["as_equalizer"]


def as_equalizer(
    chip: Chip, detector: Literal["zf", "mmse"] = "mmse", plan: Plan | None = None
) -> Callable[[Any, Any, Any], tuple[Any, Any]]:
    """Return a function that equalises on a chip, as Sionna calls it.

    Received vectors and channels are whitened digitally, by the Cholesky factor of the noise
    covariance, so that the load of MMSE is one.  Vectors that share a channel and a covariance,
    one after the other, are detected with one writing.  Noise variances come from pilots that are
    sent through the same cells.

    Parameters
    ----------
    chip : Chip
        Its ledger takes every writing and operation.
    detector : {"zf", "mmse"}
        Symbols of MMSE are without bias.
    plan : Plan, optional
        How it is solved.

    Returns
    -------
    callable
        ``(y, h, s) -> (x_hat, no_eff)``: y (..., M) received, h (..., M, K) channels, s (..., M, M)
        noise covariances; symbols (..., K) and the variances of their noise, (..., K).

    Raises
    ------
    InputError
        If there is no such detector; when called, if shapes do not fit.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> equalise = amc.wireless.as_equalizer(amc.Chip(gain=1e9), "zf")
    >>> h, x = amc.wireless.Rayleigh(8, 2).draw(0), np.array([1.0, 1j])
    >>> symbols, variances = equalise(h @ x, h, 0.01 * np.eye(8))
    >>> bool(abs(symbols - x).max() < 1e-4), variances.shape
    (True, (2,))
    """
    if detector not in ("zf", "mmse"):
        raise InputError(f"detector = {detector!r}: must be zf or mmse")
    load = 0.0 if detector == "zf" else 1.0

    def equalise(y: Any, h: Any, s: Any) -> tuple[Any, Any]:
        received, channels, noise = (_as_array(each) for each in (y, h, s))
        antennas = received.shape[-1] if received.ndim else 0
        if channels.shape[-2:-1] != (antennas,) or noise.shape[-2:] != (antennas, antennas):
            raise InputError(
                f"y {received.shape}, h {channels.shape}, s {noise.shape}: need (..., M), "
                "(..., M, K) and (..., M, M)"
            )
        leading = received.shape[:-1], channels.shape[:-2], noise.shape[:-2]
        try:
            batch = np.broadcast_shapes(*leading)
        except ValueError:
            raise InputError(f"batches of y, h, s: {leading} do not fit together") from None
        users, count = channels.shape[-1], int(np.prod(batch))
        vectors = np.broadcast_to(received, (*batch, antennas)).reshape(count, antennas)
        matrices = np.broadcast_to(channels, (*batch, antennas, users)).reshape(count, antennas, -1)
        covariances = np.broadcast_to(noise, (*batch, antennas, antennas))
        covariances = covariances.reshape(count, antennas, antennas)
        symbols, variances = np.empty((count, users), complex), np.empty((count, users))
        for first, last in _runs(matrices, covariances):
            symbols[first:last], variances[first:last] = _detect(
                chip, vectors[first:last], matrices[first], covariances[first], load, plan
            )
        return _like(y, symbols.reshape(*batch, users)), _like(y, variances.reshape(*batch, users))

    return equalise


def _detect(
    chip: Chip, y: Any, h: Any, s: Any, load: float, plan: Plan | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return symbols (N, K) of vectors (N, M) that share a channel, and noise variances (K,)."""
    try:
        root = np.linalg.cholesky(s)
    except np.linalg.LinAlgError:
        raise InputError("s: a covariance of noise must be positive definite") from None
    whitened = np.linalg.solve(root, np.hstack([h, y.T]))
    chip.ledger.compute("whitening", 8 * (len(s) ** 3 / 6 + len(s) ** 2 * whitened.shape[1] / 2))
    channel, vectors = np.split(whitened, [h.shape[1]], axis=1)
    made = receiver(chip, channel, load, plan)
    # What each user's own pilot comes to; of the noise, pilots of ones on the diagonal of A.
    if load:
        gains = np.diag(made.detect(channel)).real
        return (made.detect(vectors) / gains[:, None]).T, 1 / gains - 1
    return made.detect(vectors).T, np.diag(made.unmixed()).real


def _runs(matrices: NDArray[Any], covariances: NDArray[Any]) -> list[tuple[int, int]]:
    """Return first and one past the last of neighbours that are equal."""
    same = (matrices[1:] == matrices[:-1]).all(axis=(1, 2))
    same &= (covariances[1:] == covariances[:-1]).all(axis=(1, 2))
    ends = [*(np.flatnonzero(~same) + 1).tolist(), len(matrices)]
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _as_array(tensor: Any) -> NDArray[Any]:
    """Return a tensor of whatever library as an array of numpy."""
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().cpu().numpy()
    return np.asarray(tensor)


def _like(tensor: Any, values: NDArray[Any]) -> Any:
    """Return values as a tensor of the same library, device and precision."""
    if not hasattr(tensor, "new_tensor"):
        return values
    return (tensor if np.iscomplexobj(values) else tensor.real).new_tensor(values)
