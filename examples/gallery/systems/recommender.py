"""
Can noisy cells recommend films?
================================

Few ratings of a large table are known. Alternating regressions over the known
ones alone give every user and every film some factors, and their products the
ratings that are missing. Here ratings are drawn: half of them are kept from
the circuit and predicted. Its error is far below that of guessing the mean,
and write noise adds little to it.
"""

import matplotlib.pyplot as plt
import numpy as np

import amcspice as amc

rng = np.random.default_rng(0)
taste, style = rng.gamma(1, 1, (50, 3)), rng.gamma(1, 1, (3, 40))
ratings = taste @ style
ratings = 1 + 4 * ratings / ratings.max()
ratings += 0.1 * rng.standard_normal(ratings.shape)
known = rng.random(ratings.shape) < 0.5
table = np.where(known, ratings, np.nan)
guess = np.sqrt(np.mean((ratings[~known] - ratings[known].mean()) ** 2))


def rmse(device):
    model = amc.AnalogNMF(
        3,
        ridge=0.02,
        max_iter=6,
        fidelity="dc",
        random_state=0,
        device=device,
    )
    predicted = model.fit_transform(table) @ model.components_
    return np.sqrt(np.mean((predicted - ratings)[~known] ** 2))


noises = (0, 0.01, 0.02, 0.05)
errors = [rmse(amc.Memristor(write_noise=noise)) for noise in noises]

plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots()
axes.plot([100 * n for n in noises], errors, "o-", label="circuit")
axes.axhline(guess, color="0.4", ls="--", label="the mean")
axes.set_ylim(0)
axes.set_xlabel("write noise (% of g_max)")
axes.set_ylabel("error of unknown ratings, rms (stars)")
figure.legend(title="predicted by", loc="outside right upper")
print(f"{errors[0]:.2f} without noise, {errors[-1]:.2f} with 5 %")
