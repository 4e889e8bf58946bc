"""Training loops: constant memory, nothing derived twice, the numbers of a hand-written gradient."""

import gc
import tracemalloc

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.cache import CACHE
from chainrule.core.node import table_size
from chainrule.run import program as programs
from tests.oracles import tolerance

STEPS = 2_000


def loss_of(weights, bias, batch, targets):
    hidden = np.tanh(batch @ weights + bias)
    return np.mean((hidden - targets) ** 2) + 0.01 * np.sum(weights**2)


def test_minibatches_run_in_constant_memory_with_few_programs(rng, monkeypatch):
    compiled = []
    original = programs._compiled
    monkeypatch.setattr(programs, "_compiled", lambda plan: (compiled.append(plan), original(plan))[1])
    truth = rng.standard_normal(4)
    weights, bias = cr.variable(np.zeros(4)), cr.variable(0.0)
    before = dict(CACHE.misses)
    losses, nodes, objects, memory = np.zeros(STEPS), [], [], []
    gc.collect()
    gc.disable()
    try:
        for step in range(STEPS):
            if step == STEPS - 500:
                tracemalloc.start()  # it makes each step several times slower
            batch = rng.standard_normal((8, 4))
            loss = loss_of(weights, bias, batch, np.tanh(batch @ truth))
            loss.backward()
            with cr.no_grad():
                weights -= 0.3 / (1 + 0.001 * step) * weights.grad
                bias -= 0.3 * bias.grad
            weights.zero_grad()
            bias.grad = None
            losses[step] = loss.item()
            if step % 100 == 99:
                nodes.append(table_size())
                objects.append(len(gc.get_objects()))
                memory.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
        gc.enable()
    assert np.mean(losses[-100:]) < 0.2 * np.mean(losses[:10])
    assert max(nodes[2:]) <= nodes[1]
    assert max(objects[2:]) - objects[1] < 100
    # One step alone makes some 20 kB. Python itself keeps up to 2,000 freed tuples of each length.
    assert memory[-1] - memory[-3] < 200 * 64
    new = {kind: count - before.get(kind, 0) for kind, count in CACHE.misses.items()}
    assert new["program"] <= 2
    assert new["eager"] <= 2
    assert len(compiled) <= 2


def test_results_that_are_kept_do_not_keep_what_they_were_computed_from(rng):
    weights = cr.variable(rng.standard_normal(1000))
    kept = []
    tracemalloc.start()
    try:
        for step in range(60):
            loss = np.sum(np.exp(np.sin(weights) * weights))
            loss.backward()
            weights.grad = None
            kept.append(loss)
            if step == 9:
                start = tracemalloc.get_traced_memory()[0]
        grown = tracemalloc.get_traced_memory()[0] - start
    finally:
        tracemalloc.stop()
    assert len(kept) == 60
    assert grown < 50 * 8_000  # less than one array for each step


def test_a_network_against_its_gradient_written_by_hand(rng):
    x, targets = rng.standard_normal((6, 3)), rng.standard_normal((6, 2))
    first, second = rng.standard_normal((3, 4)), rng.standard_normal((4, 2))
    a, b = cr.variable(first), cr.variable(second)
    rate = 0.05
    for _ in range(5):
        hidden = np.maximum(x @ a, 0)
        loss = np.sum((hidden @ b - targets) ** 2)
        loss.backward()
        with cr.no_grad():
            a -= rate * a.grad
            b -= rate * b.grad
        a.zero_grad()
        b.zero_grad()

        active = np.maximum(x @ first, 0)
        residual = 2 * (active @ second - targets)
        by_first = x.T @ ((residual @ second.T) * (active > 0))
        first, second = first - rate * by_first, second - rate * active.T @ residual
    np.testing.assert_allclose(a.value, first, rtol=tolerance(float, condition=1000))
    np.testing.assert_allclose(b.value, second, rtol=tolerance(float, condition=1000))


def test_torch_agrees_on_a_training_loop(rng):
    torch = pytest.importorskip("torch")
    data, start = rng.standard_normal((40, 3)), rng.standard_normal(3)
    labels = (data @ np.array([1.0, -2.0, 0.5]) > 0).astype(float)
    ours = cr.variable(start)
    theirs = torch.tensor(start, requires_grad=True)
    for step in range(40):
        rows = slice(10 * (step % 4), 10 * (step % 4) + 10)
        score = data[rows] @ ours
        loss = np.mean(np.log(1 + np.exp(-score)) + (1 - labels[rows]) * score)
        loss.backward()
        other = torch.tensor(data[rows]) @ theirs
        expected = torch.mean(torch.log(1 + torch.exp(-other)) + (1 - torch.tensor(labels[rows])) * other)
        expected.backward()
        assert loss.item() == pytest.approx(expected.item(), rel=tolerance(float, condition=100))
        with cr.no_grad():
            ours -= 0.5 * ours.grad
        with torch.no_grad():
            theirs -= 0.5 * theirs.grad
        ours.grad = None
        theirs.grad = None
    np.testing.assert_allclose(ours.value, theirs.detach().numpy(), rtol=tolerance(float, condition=1000))
