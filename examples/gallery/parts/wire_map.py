"""
Where in an array do wires do most?
===================================

Every segment of a line drops some voltage, so that a cell far from the drivers
and the amplifiers sees less than it should. A product with a one in a single
column tells what each cell really adds. Conductances that are corrected for it
before they are written miss a tenth of that.
"""

import matplotlib.pyplot as plt
import numpy as np

import amcspice as amc

size = 32
rng = np.random.default_rng(0)
A = rng.uniform(0.5, 1, (size, size))

plt.style.use("amcspice.view.amcspice")
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for axis, steps in zip(axes, (0, 1), strict=True):
    wire = amc.Wire(row=1.0, column=1.0, predistort=steps)
    circuit = amc.MVM(A, wire=wire, opamp=amc.OpAmp(gain=1e9))
    run = amc.simulate(circuit, np.eye(size), fidelity="dc")
    missing = 100 * (1 - run.x / A)
    image = axis.imshow(missing)
    axis.grid(visible=False)
    axis.set_xlabel("column, from the amplifiers")
    axis.set_ylabel("row, from the drivers")
    axis.set_title(("as it is", "corrected once")[steps])
    figure.colorbar(image, ax=axis, label="missing (%)")
    print(f"{axis.get_title()}: {missing.max():.2f} % at most")
