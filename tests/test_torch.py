"""`amcspice.torch`: K-FAC for PyTorch, against the training in numpy; and gradients of both."""

import functools
import importlib.util
import io
import subprocess
import sys

import numpy as np
import pytest

import amcspice as amc
from amcspice.algorithm import AnalogInverse
from amcspice.algorithm.curvature import ExactInverse
from amcspice.workload.training import NETWORKS, OPTIMISERS

THERE = importlib.util.find_spec("torch") is not None


@pytest.mark.skipif(THERE, reason="torch is installed")
def test_without_torch_it_says_what_to_install():
    done = subprocess.run(
        [sys.executable, "-c", "import amcspice.torch"], capture_output=True, text=True
    )
    assert "torch is not installed, which this needs: pip install 'amcspice[torch]'" in done.stderr


if THERE:
    import torch

    from amcspice.torch import KFAC

needs_torch = pytest.mark.skipif(not THERE, reason="torch is not installed")

SHAPE, CLASSES, COUNT = (20, 16, 1), 5, 9


def twins(name="cnn", seed=0):
    """Return a network in numpy with weights and data, and the same in torch, double precision."""
    draw = np.random.default_rng(seed)
    net = NETWORKS[name](SHAPE, CLASSES)
    weights = net.start(draw)
    if name == "cnn":
        body = [torch.nn.Conv2d(1, 8, 5, 2, 2), torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
        # numpy flattens channels last, torch channels first
        body += [Channels(), torch.nn.Flatten(), torch.nn.Linear(160, CLASSES)]
    else:
        body = [torch.nn.Flatten(), torch.nn.Linear(320, 64), torch.nn.ReLU()]
        body += [torch.nn.Linear(64, CLASSES)]
    model = torch.nn.Sequential(*body).double()
    layers = [each for each in model if hasattr(each, "weight")]
    for layer, weight in zip(layers, weights, strict=True):
        with torch.no_grad():
            layer.weight.copy_(torch.as_tensor(weight[:, :-1].reshape(layer.weight.shape)))
            layer.bias.copy_(torch.as_tensor(weight[:, -1]))
    inputs = draw.standard_normal((COUNT, *SHAPE))
    labels = draw.integers(CLASSES, size=COUNT)
    return net, weights, inputs, labels, model, layers


if THERE:

    class Channels(torch.nn.Module):
        def forward(self, values):
            return values.permute(0, 2, 3, 1)


def pictures(inputs):
    return torch.as_tensor(inputs).permute(0, 3, 1, 2)


def side_by_side(layers, what):
    return [
        np.concatenate(
            [what(each.weight).flatten(1).numpy(), what(each.bias)[:, None].numpy()], axis=1
        )
        for each in layers
    ]


@needs_torch
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_torchs(name):
    net, weights, inputs, labels, model, layers = twins(name)
    trace = net.forward(weights, net.rows(inputs))
    loss = torch.nn.functional.cross_entropy(model(pictures(inputs)), torch.as_tensor(labels))
    loss.backward()
    assert trace.loss(labels) == pytest.approx(loss.item(), rel=1e-12)
    pairs = zip(trace.gradients(labels), side_by_side(layers, lambda p: p.grad), strict=True)
    for own, theirs in pairs:
        np.testing.assert_allclose(own, theirs, atol=1e-6)  # and 1e-14, in double precision
        np.testing.assert_allclose(own, theirs, atol=1e-13)


@needs_torch
@pytest.mark.parametrize("name", ["sgdm", "adam"])
def test_first_order_steps_are_torchs(name):
    net, weights, inputs, labels, model, layers = twins("mlp")
    settings = OPTIMISERS[name](learning_rate=0.02)
    if name == "sgdm":
        theirs = torch.optim.SGD(model.parameters(), 0.02, momentum=settings.momentum)
    else:
        betas = settings.first_decay, settings.second_decay
        theirs = torch.optim.Adam(model.parameters(), 0.02, betas)
    own = settings.begin(net, ExactInverse, np.random.default_rng(0))
    rows = net.rows(inputs)
    for _ in range(5):
        own.step(weights, net.forward(weights, rows), labels)
        theirs.zero_grad()
        torch.nn.functional.cross_entropy(
            model(pictures(inputs)), torch.as_tensor(labels)
        ).backward()
        theirs.step()
    for weight, other in zip(weights, side_by_side(layers, lambda p: p.data), strict=True):
        np.testing.assert_allclose(weight, other, atol=1e-10)


@needs_torch
@pytest.mark.parametrize("name", NETWORKS)
def test_second_order_steps_are_those_in_numpy(name, monkeypatch):
    net, weights, inputs, labels, model, layers = twins(name)
    drawn = [np.random.default_rng(k).integers(CLASSES, size=COUNT) for k in range(5)]
    settings = OPTIMISERS["kfac"](learning_rate=0.05, damping=0.1, update_every=2)
    own = settings.begin(net, ExactInverse, np.random.default_rng(0))
    theirs = KFAC(model, 0.05, damping=0.1, update_every=2)
    rows = net.rows(inputs)
    for label in drawn:
        trace = net.forward(weights, rows)
        monkeypatch.setattr(type(trace), "sample", lambda self, draw, label=label: label)
        own.step(weights, trace, labels)
        monkeypatch.setattr(
            torch, "multinomial",
            lambda chances, n, generator, label=label: torch.as_tensor(label)[:, None],
        )  # fmt: skip
        one_step(theirs, model, pictures(inputs), torch.as_tensor(labels))
    for weight, other in zip(weights, side_by_side(layers, lambda p: p.data), strict=True):
        np.testing.assert_allclose(weight, other, atol=1e-10)


def one_step(optimizer, model, x, y):
    outputs = model(x)
    optimizer.observe(outputs)
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(outputs, y)
    loss.backward()
    optimizer.step()
    return loss.item()


def little(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, stride=2, padding=1, bias=False), torch.nn.ReLU(),
        torch.nn.Flatten(), torch.nn.BatchNorm1d(36), torch.nn.Linear(36, 3),
    )  # fmt: skip


def data(count=40):
    draw = torch.Generator().manual_seed(1)
    y = torch.randint(3, (count,), generator=draw)
    x = torch.randn((3, 2, 6, 6), generator=draw)[y]
    return x + 0.3 * torch.randn((count, 2, 6, 6), generator=draw), y


def sgd(rest):
    return torch.optim.SGD(rest, lr=0.1, momentum=0.5)


@needs_torch
def test_a_saved_state_goes_on_as_if_nothing_had_happened():
    x, y = data()
    whole, model = little(), little()
    straight = KFAC(whole, other=sgd, seed=3)
    losses = [one_step(straight, whole, x, y) for _ in range(7)]
    first = KFAC(model, other=sgd, seed=3)
    for _ in range(4):  # the inverses are not those of the factors at this moment
        one_step(first, model, x, y)
    stream = io.BytesIO()
    torch.save([model.state_dict(), first.state_dict()], stream)
    stream.seek(0)
    weights, state = torch.load(stream)
    other = little(seed=9)
    other.load_state_dict(weights)
    resumed = KFAC(other, lr=0.5, other=sgd, seed=8)
    resumed.load_state_dict(state)
    again = [one_step(resumed, other, x, y) for _ in range(3)]
    assert again == pytest.approx(losses[4:], rel=1e-6)
    assert losses[-1] < 0.3 * losses[0]
    with pytest.raises(amc.InputError, match="no curvature"):
        resumed.load_state_dict(torch.optim.SGD(other.parameters(), 0.1).state_dict())


@needs_torch
def test_an_analog_inverse_is_plugged_in():
    x, y = data()
    chip = amc.Chip(levels=64, write_noise=0.005, seed=1)
    analog, exact = little(), little()
    plugged = KFAC(analog, damping=0.3, other=sgd, inverse=functools.partial(AnalogInverse, chip))
    plain = KFAC(exact, damping=0.3, other=sgd)
    losses = [
        [one_step(optimizer, model, x, y) for _ in range(4)]
        for optimizer, model in ((plugged, analog), (plain, exact))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
    assert losses[0] != losses[1]
    assert sum(int(row["count"]) for _, row in chip.ledger.sums("writing")) == 2 * 2 * 2


@needs_torch
def test_what_cannot_be_used_is_refused():
    x, y = data()
    with pytest.raises(amc.InputError, match=r"3\.weight, 3\.bias: no parameters of Linear"):
        KFAC(little())
    with pytest.raises(amc.InputError, match="no Linear or Conv2d layer"):
        KFAC(torch.nn.BatchNorm1d(3))
    for wrong, message in (({"lr": 0}, "lr"), ({"momentum": 1}, "momentum")):
        with pytest.raises(amc.InputError, match=message):
            KFAC(little(), other=sgd, **wrong)
    model = little()
    optimizer = KFAC(model, other=sgd)
    torch.nn.functional.cross_entropy(model(x), y).backward()
    with pytest.raises(amc.InputError, match="must come first"):
        optimizer.step()
    with torch.no_grad(), pytest.raises(amc.InputError, match="with a graph"):
        optimizer.observe(model(x))
    optimizer.observe(model(x))
    with pytest.raises(amc.InputError, match="has seen nothing since"):
        optimizer.observe(torch.ones((4, 3), requires_grad=True))
    with pytest.raises(amc.InputError, match="not finite"):
        optimizer.observe(model(x * float("nan")))


@needs_torch
def test_schedulers_change_the_step_size():
    x, y = data()
    model = little()
    optimizer = KFAC(model, lr=0.1, other=sgd)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.0)
    one_step(optimizer, model, x, y)
    schedule.step()
    before = model[4].weight.detach().clone()
    one_step(optimizer, model, x, y)
    torch.testing.assert_close(model[4].weight.detach(), before)
