"""A case: everything that a check needs to know to be repeated, as plain values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace

from probvae.core import Shape, Table

_LETTERS = {
    "latent_dim": "D",
    "event_shape": "E",
    "condition_dim": "C",
    "classes": "K",
    "batch": "B",
    "samples": "S",
}


@dataclass(frozen=True)
class Case:
    """One configuration of a component, with shapes and a seed.

    Args:
        configuration: the component's parameters, as in its table in a spec.
        latent_dim: D.
        event_shape: *E.
        condition_dim: C, the size of a condition; 0 for none.
        classes: K, the number of classes of a classifier.
        batch: B, or the leading shape of what a decoder or a likelihood head takes.
        samples: S, the shape of what is drawn.
        perturbation: how far the trainable variables have left their initial values, in multiples of their spread.
        seed: determines initial values, inputs and draws.
        decodes: whether a network maps latents [D] to data [*E]; otherwise it maps data to the parameters [2 D] of
            a posterior.
    """

    configuration: Mapping[str, object] = field(default_factory=dict)
    latent_dim: int = 2
    event_shape: Shape = (4,)
    condition_dim: int = 0
    classes: int = 3
    batch: Shape = (3,)
    samples: Shape = (2,)
    perturbation: float = 0.0
    seed: int = 0
    decodes: bool = False

    @property
    def network_shapes(self) -> tuple[Shape, Shape]:
        """The input shape and the output shape of a network."""
        down, up = (self.event_shape, (2 * self.latent_dim,)), ((self.latent_dim,), self.event_shape)
        return up if self.decodes else down

    def arguments(self) -> str:
        """The case as keyword arguments, those at their defaults left out."""
        plain = Case()
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        return ", ".join(f"{k}={v!r}" for k, v in given.items() if v != getattr(plain, k))

    def without(self, parameter: str) -> Case | None:
        """The case with a parameter left at its default, at any depth; None if the case does not set it."""
        found = _without(self.configuration, parameter)
        return None if found is None else replace(self, configuration=found)

    def __repr__(self) -> str:
        return f"Case({self.arguments()})"

    def __str__(self) -> str:
        return self.of(_LETTERS)

    def of(self, relevant: Collection[str]) -> str:
        """The case in words.

        Args:
            relevant: the fields that the component depends on; other shapes are left out.
        """
        settings = ", ".join(f"{k} = {v!r}" for k, v in self.configuration.items()) or "every default"
        shapes = [f"{letter} = {getattr(self, name)}" for name, letter in _LETTERS.items() if name in relevant]
        if "decodes" in relevant:
            shapes.append("from [D] to E" if self.decodes else "from E to [2 D]")
        perturbed = f", variables perturbed by {self.perturbation:g}" if self.perturbation else ""
        return f"{settings}; {', '.join([*shapes, f'seed {self.seed}'])}{perturbed}"


def _without(table: Mapping[str, object], parameter: str) -> Table | None:
    if parameter in table:
        return {name: value for name, value in table.items() if name != parameter}
    for name, value in table.items():
        if isinstance(value, Mapping) and (found := _without(value, parameter)) is not None:
            return {**table, name: found}
    return None
