"""
How good must switches be that turn one array into four circuits?
=================================================================

The same cells serve as a product, an inverse, least squares and an
eigenvector, with switches between the arrays and the amplifiers. A closed
switch stands in series with its line, and the error grows with its resistance:
1.6 % of the inverse at 100 ohm. The eigenvector has an error of its detuning
anyway, which hides switches of less.
"""

import matplotlib.pyplot as plt
import numpy as np

import amcspice as amc

rng = np.random.default_rng(0)
A = rng.random((6, 6)) + 3 * np.eye(6)
A = (A + A.T) / 2
b = rng.random(6)
modes = {"mvm": b, "inv": b, "ginv": b, "eigen": np.ones(6)}
resistances = [1, 3, 10, 30, 100, 300, 1000]

plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots()
for mode, given in modes.items():
    errors = []
    for ohms in resistances:
        macro = amc.Macro(A, switch_on=ohms, switch_off=1e9)
        circuit = macro.circuit(mode)
        run = amc.simulate(circuit, given, fidelity="dc")
        errors.append(run.relative_error)
    line = "o--" if mode == "ginv" else "o-"  # it lies on inv
    axes.loglog(resistances, errors, line, label=mode)
    print(f"{mode:6} at 100 ohm: {100 * errors[4]:.2f} %")
axes.set_xticks(resistances, resistances)
axes.set_xticks([], minor=True)
axes.set_xlabel("resistance of a closed switch (ohm)")
axes.set_ylabel("relative error")
figure.legend(title="circuit", loc="outside right upper")
