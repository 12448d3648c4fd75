"""K-FAC for PyTorch, with inverses of one's choice: ``pip install amcspice[torch]``.

The curvature is that of `amcspice.workload.training`; what inverts its factors is exact, or stands
in arrays of a chip, or is anything with ``program`` and ``solve``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from amcspice.algorithm.curvature import ExactInverse
from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.extras import extra
from amcspice.workload.training.curvature import InverseMaker, LayerCurvature, clip_by_divergence

with extra("torch"):
    import torch

__all__ = ["KFAC"]


class KFAC(torch.optim.Optimizer):  # type: ignore[misc]
    """Natural gradients by Kronecker factors for the Linear and Conv2d layers of a classifier.

    In every step `observe` is told the outputs of the model, before their loss is differentiated:
    it draws labels from them (the true Fisher information) and takes the curvature.

    Parameters
    ----------
    model : torch.nn.Module
        Its outputs are those of a softmax, (N, classes).
    lr : float
        Step size; schedulers change it.
    momentum, damping, kl_clip, factor_decay : float
        See `amcspice.workload.training.KFAC`.
    update_every : int
        Steps between writings of the inverses.
    inverse : callable
        Makes what inverts a factor, for its label: `ExactInverse`, or for example
        ``functools.partial(AnalogInverse, chip)``.
    other : callable, optional
        Makes an optimiser of first order for a list of parameters: those of all other layers.
    seed : int
        Of the labels that are drawn.

    Raises
    ------
    InputError
        If a value cannot be used, or parameters are left over and there is no ``other``.

    Examples
    --------
    ::

        optimizer = amcspice.torch.KFAC(model, lr=0.03)
        for x, y in batches:
            outputs = model(x)
            optimizer.observe(outputs)
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(outputs, y).backward()
            optimizer.step()
    """

    def __init__(
        self,
        model: Any,
        lr: float = 0.03,
        *,
        momentum: float = 0.9,
        damping: float = 0.03,
        kl_clip: float = 0.01,
        factor_decay: float = 0.95,
        update_every: int = 3,
        inverse: InverseMaker = ExactInverse,
        other: Callable[[list[Any]], Any] | None = None,
        seed: int = 0,
    ) -> None:
        _check(lr=lr, damping=damping, kl_clip=kl_clip, update_every=update_every)
        for name, value in (("momentum", momentum), ("factor_decay", factor_decay)):
            if not 0 <= value < 1:
                raise InputError(f"KFAC.{name} = {value!r}: must be from 0 to below 1")
        layers = {name: module for name, module in model.named_modules() if _is_known(module)}
        own = [parameter for module in layers.values() for parameter in module.parameters()]
        rest = {
            name: parameter
            for name, parameter in model.named_parameters()
            if not any(parameter is each for each in own)
        }
        if not layers:
            raise InputError("KFAC: the model has no Linear or Conv2d layer that is trained")
        if rest and other is None:
            raise InputError(
                f"KFAC: {', '.join(rest)}: no parameters of Linear or Conv2d layers (of one group, "
                "padded with zeros, all of whose parameters are trained); give other=, such as "
                "lambda rest: torch.optim.SGD(rest, lr=0.1)"
            )
        defaults = {
            "lr": lr, "momentum": momentum, "damping": damping, "kl_clip": kl_clip,
            "update_every": update_every,
        }  # fmt: skip
        super().__init__(own, defaults)
        self.other = other(list(rest.values())) if rest and other is not None else None
        self.layers = {
            name: _Layer(module, LayerCurvature(name, inverse, factor_decay))
            for name, module in layers.items()
        }
        self.steps = 0
        self._labels = torch.Generator().manual_seed(seed)

    def observe(self, outputs: Any) -> None:
        """Take the curvature at the examples that the model was run with last.

        Parameters
        ----------
        outputs : Tensor, shape (N, classes)
            What the model returned, with its graph, which is kept.

        Raises
        ------
        InputError
            If the model was not run in training mode, or its outputs are no such tensor.
        """
        if outputs.ndim != 2 or not outputs.requires_grad:
            raise InputError(
                f"KFAC.observe: outputs of shape (N, classes) with a graph are needed, not "
                f"{tuple(outputs.shape)}"
            )
        asleep = [name for name, layer in self.layers.items() if layer.outputs is None]
        if asleep:
            raise InputError(
                f"KFAC.observe: layer {asleep[0]} has seen nothing since the last time: run the "
                "model, in training mode, first"
            )
        chances = torch.softmax(outputs.detach(), dim=1).cpu()
        if not bool(torch.isfinite(chances).all()):
            raise InputError("KFAC.observe: outputs are not finite: the training diverged")
        drawn = torch.multinomial(chances, 1, generator=self._labels)[:, 0].to(outputs.device)
        loss = torch.nn.functional.cross_entropy(outputs, drawn, reduction="sum")
        signals = torch.autograd.grad(
            loss, [layer.outputs for layer in self.layers.values()], retain_graph=True
        )
        for layer, signal in zip(self.layers.values(), signals, strict=True):
            layer.curvature.observe(layer.rows(), layer.signals(signal))
            layer.forget()

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change the parameters by what stands in their gradients.

        Parameters
        ----------
        closure : callable, optional
            Runs the model, observes and differentiates again; its loss is returned.

        Raises
        ------
        InputError
            If nothing was observed, or a gradient is not finite.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        group = self.param_groups[0]
        moved = [layer for layer in self.layers.values() if layer.module.weight.grad is not None]
        if any(not layer.curvature.count for layer in moved):
            raise InputError("KFAC.step: observe(outputs) must come first")
        if self.steps % group["update_every"] == 0:
            for layer in moved:
                layer.curvature.renew(group["damping"], bias=layer.module.bias is not None)
        gradients = [layer.gradient() for layer in moved]
        pairs = zip(moved, gradients, strict=True)
        directions = [layer.curvature.direction(gradient) for layer, gradient in pairs]
        scale = clip_by_divergence(directions, gradients, group["lr"], group["kl_clip"])
        for layer, direction in zip(moved, directions, strict=True):
            for parameter, part in layer.parts(scale * direction):
                state = self.state[parameter]
                velocity = state.setdefault("velocity", torch.zeros_like(parameter))
                velocity.mul_(group["momentum"]).add_(part)
                parameter.sub_(velocity, alpha=group["lr"])
        if self.other is not None:
            self.other.step()
        self.steps += 1
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of all parameters, those of the other optimiser too."""
        super().zero_grad(set_to_none)
        if self.other is not None:
            self.other.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Return all that going on needs: factors, what was programmed, momentum, the labels' draw.

        Cells are drawn anew when inverses in arrays are programmed again.
        """
        return {
            **super().state_dict(),
            "steps": self.steps,
            "labels": self._labels.get_state(),
            "curvature": {name: layer.state() for name, layer in self.layers.items()},
            "other": None if self.other is None else self.other.state_dict(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned; inverses are programmed again.

        Raises
        ------
        InputError
            If it is of another model.
        """
        missing = {"steps", "labels", "curvature", "other"} - state_dict.keys()
        if missing:
            raise InputError(f"KFAC.load_state_dict: no {', '.join(sorted(missing))} in it")
        there, own = list(state_dict["curvature"]), list(self.layers)
        if there != own:
            raise InputError(f"KFAC.load_state_dict: it is of layers {there}, not {own}")
        super().load_state_dict({name: state_dict[name] for name in ("state", "param_groups")})
        self.steps = state_dict["steps"]
        self._labels.set_state(state_dict["labels"])
        for name, layer in self.layers.items():
            layer.restore(state_dict["curvature"][name])
        if self.other is not None:
            self.other.load_state_dict(state_dict["other"])


class _Layer:
    """A layer of the model: what it saw last, and its curvature."""

    def __init__(self, module: Any, curvature: LayerCurvature) -> None:
        self.module, self.curvature = module, curvature
        self.inputs: Any = None
        self.outputs: Any = None
        module.register_forward_hook(self._look)

    def _look(self, module: Any, inputs: tuple[Any, ...], outputs: Any) -> None:
        if module.training and torch.is_grad_enabled():
            self.inputs, self.outputs = inputs[0].detach(), outputs

    def forget(self) -> None:
        self.inputs = self.outputs = None

    def rows(self) -> Array:
        """Return what the weights are multiplied with, shape (N, T, n_A)."""
        module, inputs = self.module, self.inputs
        if isinstance(module, torch.nn.Conv2d):
            rows = torch.nn.functional.unfold(
                inputs, module.kernel_size, module.dilation, module.padding, module.stride
            ).transpose(1, 2)
        else:
            rows = inputs.reshape(len(inputs), -1, inputs.shape[-1])
        values = _to_numpy(rows)
        if module.bias is None:
            return values
        return np.concatenate([values, np.ones((*values.shape[:2], 1))], axis=2)

    def signals(self, gradient: Any) -> Array:
        """Return derivatives by the outputs, shape (N, T, n_G)."""
        if isinstance(self.module, torch.nn.Conv2d):
            gradient = gradient.flatten(2).transpose(1, 2)
        return _to_numpy(gradient.reshape(len(gradient), -1, gradient.shape[-1]))

    def gradient(self) -> Array:
        """Return that of the loss, weights and bias side by side, shape (n_G, n_A)."""
        module = self.module
        parts = [_to_numpy(module.weight.grad.flatten(1))]
        if module.bias is not None:
            parts.append(_to_numpy(module.bias.grad[:, None]))
        gradient = np.concatenate(parts, axis=1)
        if not np.isfinite(gradient).all():
            raise InputError(
                f"KFAC.step: the gradient of layer {self.curvature.label} is not "
                "finite: the training diverged"
            )
        return gradient

    def parts(self, step: Array) -> Iterable[tuple[Any, Any]]:
        """Yield the parameters with their parts of a step."""
        module = self.module
        made = torch.as_tensor(step).to(module.weight)
        if module.bias is not None:
            yield module.bias, made[:, -1]
            made = made[:, :-1]
        yield module.weight, made.reshape(module.weight.shape)

    def state(self) -> dict[str, Any]:
        held = self.curvature
        return {
            "count": held.count,
            "factors": [torch.as_tensor(each) for each in (held.A, held.G)],
            "programmed": [torch.as_tensor(each) for each in held.programmed],
        }

    def restore(self, state: dict[str, Any]) -> None:
        held = self.curvature
        held.count = state["count"]
        held.A, held.G = (_to_numpy(each) for each in state["factors"])
        if state["programmed"]:
            held.program(tuple(_to_numpy(each) for each in state["programmed"]))


def _is_known(module: Any) -> bool:
    """Whether the curvature of a layer is known to factor."""
    if not all(each.requires_grad for each in module.parameters(recurse=False)):
        return False
    if isinstance(module, torch.nn.Conv2d):
        plain = module.padding_mode == "zeros" and not isinstance(module.padding, str)
        return bool(module.groups == 1 and plain)
    return isinstance(module, torch.nn.Linear)


def _to_numpy(values: Any) -> Array:
    return np.asarray(values.detach().cpu().double().numpy())


def _check(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < float("inf"):
            raise InputError(f"KFAC.{name} = {value!r}: must be a number above 0")
