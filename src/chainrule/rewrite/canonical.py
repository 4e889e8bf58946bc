"""One order for the factors of a product, and one numbering of its indices, whatever order they were written in.

A product is a hypergraph: indices are vertices, factors are edges, and the indices of the result are told apart by
their place. Parts that share no summed index are ordered one by one. Within a part, indices are coloured by where they
occur, colours are refined by those of their neighbours until nothing changes, and what remains alike is told apart one
index at a time, trying every choice and keeping the least result, within a budget.

References
----------
.. [1] B. D. McKay and A. Piperno, "Practical graph isomorphism, II", Journal of Symbolic Computation 60, 2014.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

# How many complete orders one part may try.
LEAVES = 1_000

Labels = tuple[int, ...]
Colours = dict[int, int]
Certificate = tuple[tuple[int, Labels], ...]


class Factor(NamedTuple):
    """A factor of a product: what it is, its indices, and whether two of them may change places."""

    key: bytes
    labels: Labels
    symmetric: bool = False


class Order(NamedTuple):
    """Factors by number, in order, each with its indices (renamed); `canonical` unless the budget ran out."""

    factors: list[tuple[int, Labels]]
    canonical: bool


def canonical_order(factors: Sequence[Factor], output: Sequence[int], budget: int = LEAVES) -> Order:
    """Order `factors`, and number their indices: those of the result by their place, then the summed ones."""
    place = {label: k for k, label in enumerate(output)}
    keys = {key: rank for rank, key in enumerate(sorted({factor.key for factor in factors}))}
    parts: list[tuple[Certificate, list[int], Colours]] = []
    canonical = True
    for members in _parts(factors, place):
        part = _Part([factors[k] for k in members], keys, place)
        colours, complete = part.least(budget)
        canonical = canonical and complete
        parts.append((part.certificate(colours), members, colours))
    parts.sort(key=lambda entry: entry[0])
    ranked: list[tuple[int, Labels, int]] = []
    start = len(place)
    for _, members, colours in parts:
        names = dict(place)
        for label in sorted(colours, key=colours.__getitem__):
            names[label] = start
            start += 1
        for k in members:
            labels = tuple([names[label] for label in factors[k].labels])
            ranked.append((keys[factors[k].key], tuple(sorted(labels)) if factors[k].symmetric else labels, k))
    ranked.sort(key=lambda entry: entry[:2])
    return Order([(k, labels) for _, labels, k in ranked], canonical)


def _parts(factors: Sequence[Factor], place: dict[int, int]) -> list[list[int]]:
    """Numbers of factors, grouped by the summed indices that they share."""
    owner: dict[int, int] = {}
    group = list(range(len(factors)))

    def root(k: int) -> int:
        while group[k] != k:
            group[k] = group[group[k]]
            k = group[k]
        return k

    for k, factor in enumerate(factors):
        for label in factor.labels:
            if label not in place:
                first = owner.setdefault(label, k)
                group[root(k)] = root(first)
    found: dict[int, list[int]] = {}
    for k in range(len(factors)):
        found.setdefault(root(k), []).append(k)
    return list(found.values())


class _Part:
    """Factors that hang together through summed indices."""

    def __init__(self, factors: Sequence[Factor], keys: dict[bytes, int], place: dict[int, int]) -> None:
        self.factors = factors
        self.keys = [keys[factor.key] for factor in factors]
        self.place = place
        self.inner = list(dict.fromkeys(x for factor in factors for x in factor.labels if x not in place))

    def least(self, budget: int) -> tuple[Colours, bool]:
        """The numbering of the summed indices with the least certificate, and whether all were tried."""
        best: tuple[Certificate, Colours] | None = None
        stack = [dict.fromkeys(self.inner, 0)]
        leaves = 0
        while stack:
            colours = self.refined(stack.pop())
            tied = _first_tie(colours)
            if tied:
                stack.extend(_told_apart(colours, label) for label in self._one_of_each_twin(tied))
                continue
            certificate = self.certificate(colours)
            if best is None or certificate < best[0]:
                best = certificate, colours
            leaves += 1
            if leaves >= budget and stack:
                return best[1], False
        assert best is not None
        return best[1], True

    def refined(self, colours: Colours) -> Colours:
        """Colours told apart by those of their neighbours, until nothing changes."""
        known = len(set(colours.values()))
        while known < len(colours):
            seen: dict[int, list[tuple[tuple[int, Labels], int]]] = {label: [] for label in colours}
            for factor, key in zip(self.factors, self.keys, strict=True):
                own = (key, self._coloured(factor, colours))
                for slot, label in enumerate(factor.labels):
                    if label in seen:
                        seen[label].append((own, 0 if factor.symmetric else slot))
            signs = {label: (colours[label], tuple(sorted(found))) for label, found in seen.items()}
            rank = {sign: k for k, sign in enumerate(sorted(set(signs.values())))}
            colours = {label: rank[sign] for label, sign in signs.items()}
            if len(rank) == known:
                break
            known = len(rank)
        return colours

    def certificate(self, colours: Colours) -> Certificate:
        """The factors as they read under a numbering, in order."""
        return tuple(
            sorted((key, self._coloured(factor, colours)) for factor, key in zip(self.factors, self.keys, strict=True))
        )

    def _coloured(self, factor: Factor, colours: Colours) -> Labels:
        """Indices of the result by place, as negative numbers; summed ones by colour."""
        found = [colours[x] if x in colours else -1 - self.place[x] for x in factor.labels]
        return tuple(sorted(found) if factor.symmetric else found)

    def _one_of_each_twin(self, tied: list[int]) -> list[int]:
        """Indices of which no two can change places leaving all else as it is: the others need not be tried."""
        chosen: dict[object, int] = {}
        for label in tied:
            around = sorted(
                (key, tuple(sorted(found)) if factor.symmetric else tuple(found))
                for factor, key in zip(self.factors, self.keys, strict=True)
                for found in [[-1 if x == label else x for x in factor.labels]]
                if label in factor.labels
            )
            chosen.setdefault(tuple(around), label)
        return list(chosen.values())


def _first_tie(colours: Colours) -> list[int]:
    """The indices of the first colour that several have."""
    classes: dict[int, list[int]] = {}
    for label, colour in colours.items():
        classes.setdefault(colour, []).append(label)
    return next((classes[colour] for colour in sorted(classes) if len(classes[colour]) > 1), [])


def _told_apart(colours: Colours, chosen: int) -> Colours:
    return {label: 2 * colour - (label == chosen) for label, colour in colours.items()}
