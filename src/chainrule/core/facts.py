"""What is known of a symbol's values.

Domain facts (positive, invertible ...) restrict where values lie and may always be used. Constraint facts (symmetric,
orthogonal ...) define a set of lower dimension: a derivative is taken without them, and they simplify only its
result. Facts belong to symbols; they act in `rewrite`, never when a node is built.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chainrule.errors import ArgumentError, fail

DOMAIN_FACTS = (
    "positive definite",
    "invertible",
    "positive determinant",
    "near identity",
    "spectral radius<1",
    "positive entries",
    "unit interval",
    "away from zero",
)
CONSTRAINT_FACTS = (
    "symmetric",
    "skew",
    "diagonal",
    "orthogonal",
    "plusminus one",
    "probability vector",
    "row stochastic",
    "one-hot",
    "one-hot rows",
)


@dataclass(frozen=True, slots=True)
class Facts:
    """A set of facts, in one order; `domain` and `constraints` are its two kinds."""

    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, names: Iterable[str]) -> Facts:
        """Facts from names in any order; an unknown name is refused with the list of known ones."""
        chosen = set(names)
        known = (*DOMAIN_FACTS, *CONSTRAINT_FACTS)
        unknown = sorted(chosen.difference(known))
        if unknown:
            raise fail(
                ArgumentError,
                "chainrule.symbols",
                f"no such fact: {', '.join(unknown)}",
                fix=f"use one of: {', '.join(known)}",
            )
        return cls(tuple(name for name in known if name in chosen))

    @property
    def domain(self) -> Facts:
        return Facts(tuple(name for name in self.names if name in DOMAIN_FACTS))

    @property
    def constraints(self) -> Facts:
        return Facts(tuple(name for name in self.names if name in CONSTRAINT_FACTS))

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def __str__(self) -> str:
        return " ".join(self.names)
