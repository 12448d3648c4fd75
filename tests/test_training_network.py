"""Layers, networks and their gradients, against finite differences and other libraries."""

import numpy as np
import pytest
import scipy.signal
import scipy.special

import amcspice as amc
from amcspice.workload.training import NETWORKS, Network
from amcspice.workload.training.layers import Convolution, Dense, MaxPool, ReLU

SHAPES = {"cnn": (20, 16, 1), "mlp": (6, 5, 2)}


def deep(inputs, classes):
    """Two convolutions, the second of several channels, and edges that do not come out even."""
    layers = [
        Convolution(3, kernel=3, stride=2, padding=1), ReLU(), Convolution(4, kernel=2), ReLU(),
        MaxPool(2), Dense(5), ReLU(), Dense(classes),
    ]  # fmt: skip
    return Network(layers, inputs)


def problem(make, shape, seed=0, count=7, classes=4):
    draw = np.random.default_rng(seed)
    net = make(shape, classes)
    weights = net.start(draw)
    for each in weights:
        each[:, -1] = 0.1 * draw.standard_normal(len(each))
    inputs = draw.standard_normal((count, *shape))
    return net, weights, inputs, draw.integers(classes, size=count), draw


@pytest.mark.parametrize("name", ["cnn", "mlp", "deep"])
def test_gradients_are_finite_differences(name):
    make, shape = (deep, (13, 10, 2)) if name == "deep" else (NETWORKS[name], SHAPES[name])
    net, weights, inputs, labels, draw = problem(make, shape)
    rows = net.rows(inputs)
    gradients = net.forward(weights, rows).gradients(labels)
    for weight, gradient in zip(weights, gradients, strict=True):
        assert gradient.shape == weight.shape
        for _ in range(12):
            place = tuple(draw.integers(side) for side in weight.shape)
            step, kept = 1e-5, weight[place]
            losses = []
            for change in (step, -step):
                weight[place] = kept + change
                losses.append(net.forward(weights, rows).loss(labels))
            weight[place] = kept
            assert (losses[0] - losses[1]) / (2 * step) == pytest.approx(gradient[place], abs=1e-6)


def test_signals_are_derivatives_of_each_examples_own_loss():
    net, weights, inputs, labels, _ = problem(NETWORKS["mlp"], SHAPES["mlp"])
    trace = net.forward(weights, net.rows(inputs))
    p = scipy.special.softmax(trace.outputs, axis=1)
    np.testing.assert_allclose(trace.signals(labels)[-1][:, 0], p - np.eye(4)[labels], atol=1e-14)
    assert trace.loss(labels) == pytest.approx(-np.log(p[np.arange(7), labels]).mean())


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 2), (3, 1)])
def test_convolution_is_scipys(stride, padding):
    draw = np.random.default_rng(1)
    layer, inputs = Convolution(2, 3, stride, padding), draw.standard_normal((2, 9, 8, 3))
    weights = draw.standard_normal((2, layer.row_length((9, 8, 3)) + 1))
    outputs = (layer.rows(inputs) @ weights.T).reshape(2, *layer.shape((9, 8, 3)))
    kernels = weights[:, :-1].reshape(2, 3, 3, 3)  # channel, row, column
    padded = np.pad(inputs, ((0, 0), (padding,) * 2, (padding,) * 2, (0, 0)))
    for n in range(2):
        for k in range(2):
            whole = sum(
                scipy.signal.correlate2d(padded[n, :, :, c], kernels[k, c], mode="valid")
                for c in range(3)
            )
            expected = whole[::stride, ::stride] + weights[k, -1]
            np.testing.assert_allclose(outputs[n, :, :, k], expected, atol=1e-12)


def test_scatter_is_the_adjoint_of_rows():
    draw = np.random.default_rng(2)
    layer, shape = Convolution(2, 3, 2, 1), (9, 8, 3)
    x = draw.standard_normal((2, *shape))
    rows = layer.rows(x)[:, :, :-1]
    y = draw.standard_normal(rows.shape)
    assert np.vdot(rows, y) == pytest.approx(np.vdot(x, layer.scatter(y, shape)))


def test_pooling_takes_the_largest_and_gives_back_to_the_first_of_equal_ones():
    picture = np.zeros((1, 5, 4, 1))
    picture[0, :, :, 0] = [[1, 2, 0, 0], [3, 1, 0, 0], [5, 5, 0, 1], [5, 5, 2, 0], [9, 9, 9, 9]]
    outputs, memory = MaxPool(2).forward(picture)
    np.testing.assert_array_equal(outputs[0, :, :, 0], [[3, 0], [5, 2]])
    back = MaxPool(2).backward(memory, np.arange(1.0, 5).reshape(1, 2, 2, 1))[0, :, :, 0]
    expected = np.zeros((5, 4))
    expected[1, 0], expected[0, 2], expected[2, 0], expected[3, 2] = 1, 2, 3, 4
    np.testing.assert_array_equal(back, expected)


def test_labels_are_drawn_from_the_probabilities():
    net, weights, inputs, _, draw = problem(NETWORKS["mlp"], SHAPES["mlp"], count=2)
    trace = net.forward(weights, net.rows(inputs))
    counts = np.mean([np.eye(4)[trace.sample(draw)] for _ in range(4000)], axis=0)
    np.testing.assert_allclose(counts, trace.probabilities, atol=5 * 0.5 / np.sqrt(4000))


def test_the_letters_give_factors_of_these_sizes():
    assert NETWORKS["cnn"]((20, 16, 1), 26).weight_shapes == [(8, 26), (26, 161)]


def test_too_small_pictures_are_refused():
    with pytest.raises(amc.InputError, match="too small"):
        NETWORKS["cnn"]((1, 1, 1), 2)
