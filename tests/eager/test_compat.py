"""The names of other libraries: short programs run with only the import changed."""

import numpy
import pytest

from chainrule.compat import mxnet, tensorflow, torch
from chainrule.compat.mxnet import autograd, np, npx
from chainrule.errors import ArgumentError, SpentError, UnsupportedError

LINES = [f"df/d{name} at -1.0, 0.0, -2.0, 1.0 is -4096.0" for name in "wxyz"]


def network(w, x, y, z):
    a, b = (w + x + y + z) ** 2, (w + x - y - z) ** 2
    u, v = (a + b) ** 2, (a - b) ** 2
    return (u + v) ** 2


# --- PyTorch ---


@pytest.mark.parametrize(
    "point", [([-1.0], [0.0], [-2.0], [1.0]), (-1.0, 0.0, -2.0, 1.0), (-1, 0, -2, 1), ([-1], [0], [-2], [1])]
)
def test_backpropagation_in_the_style_of_torch(point):
    w, x, y, z = [torch.tensor(value, requires_grad=True) for value in point]
    f = network(w, x, y, z)
    f.backward()
    at = f"{w.data.item()}, {x.data.item()}, {y.data.item()}, {z.data.item()}"
    assert f.data.item() == 1024.0
    lines = [f"df/d{name} at {at} is {v.grad.data.item()}" for name, v in zip("wxyz", (w, x, y, z), strict=True)]
    assert lines == LINES


def test_a_torch_loop():
    data = torch.tensor([[1.0, 2.0], [3.0, -1.0], [0.5, 0.5]])
    targets = data @ torch.tensor([2.0, -1.0])
    w = torch.zeros(2, requires_grad=True)
    for _ in range(300):
        loss = torch.mean((torch.matmul(data, w) - targets) ** 2)
        loss.backward()
        with torch.no_grad():
            w -= 0.1 * w.grad
            w.grad.zero_()
    numpy.testing.assert_allclose(w.detach().numpy(), [2.0, -1.0], atol=float(numpy.sqrt(loss.item())) + 1e-300)
    assert loss.item() < float(numpy.finfo(float).eps)


def test_torch_names():
    x = torch.tensor([1.0, 4.0], requires_grad=True)
    assert isinstance(x, torch.Tensor)
    assert repr(x) == "tensor([1., 4.], requires_grad=True)"
    assert repr(torch.tensor([1, 2])) == "tensor([1, 2])"
    assert isinstance(torch.sqrt(x), torch.Tensor)
    assert torch.is_grad_enabled()
    with torch.no_grad():
        assert not torch.is_grad_enabled()
    y = torch.sum(torch.sqrt(x) * torch.exp(-x) + torch.log(x) * torch.sin(x).clone() + torch.sigmoid(x))
    y.backward()
    point = numpy.array([1.0, 4.0])
    s = 1 / (1 + numpy.exp(-point))
    expected = numpy.exp(-point) * (0.5 / numpy.sqrt(point) - numpy.sqrt(point))
    expected += numpy.sin(point) / point + numpy.log(point) * numpy.cos(point) + s * (1 - s)
    numpy.testing.assert_allclose(x.grad, expected, rtol=64 * numpy.finfo(float).eps)
    assert torch.ones(2, 3).sum(dim=1).tolist() == [3.0, 3.0]
    assert torch.ones(2, 3).mean(0, keepdim=True).shape == (1, 3)
    assert torch.tensor([2, 3]).requires_grad_().dtype == numpy.float64
    assert torch.mean(torch.ones(2), dim=0).item() == 1.0
    assert torch.sum(torch.ones(2, 2), dim=0, keepdim=True).shape == (1, 2)


# --- TensorFlow ---


@pytest.mark.parametrize("point", [([-1.0], [0.0], [-2.0], [1.0]), (-1, 0, -2, 1)])
def test_backpropagation_in_the_style_of_tensorflow(point):
    tf = tensorflow
    w, x, y, z = [tf.Variable(tf.constant(value)) for value in point]
    with tf.GradientTape(persistent=True) as t:
        f = network(w, x, y, z)
    for v in (w, x, y, z):
        assert t.gradient(f, v).numpy() == -4096.0
    assert float(f) == 1024.0
    assert [g.item() for g in t.gradient(f, [w, x, y, z])] == [-4096.0] * 4
    structure = t.gradient(f, {"w": w, "rest": (x, [y, z])})
    assert structure["rest"][1][0].item() == -4096.0
    assert set(structure) == {"w", "rest"}


def test_a_tape_that_is_not_persistent_answers_once():
    x = tensorflow.Variable(3.0)
    with tensorflow.GradientTape() as t:
        y = x * x
    assert t.gradient(y, x).numpy() == 6.0
    with pytest.raises(SpentError, match="persistent=True"):
        t.gradient(y, x)
    with pytest.raises(RuntimeError):
        t.gradient(y, x)


def test_unconnected_gradients():
    x, other, constant = tensorflow.Variable([1.0, 2.0]), tensorflow.Variable([[1.0]]), tensorflow.constant(2.0)
    with tensorflow.GradientTape(persistent=True) as t:
        y = tensorflow.reduce_sum(x * x) * constant
    assert t.gradient(y, other) is None
    assert t.gradient(y, constant) is None
    assert t.gradient(y, [x, other])[1] is None
    zero = t.gradient(y, other, unconnected_gradients="zero")
    assert zero.shape == (1, 1)
    assert zero.numpy() == 0.0
    outside = x * x
    assert t.gradient(outside, x) is None
    with pytest.raises(ArgumentError, match="'none' or 'zero'"):
        t.gradient(y, x, unconnected_gradients="nothing")


def test_watching_and_not_recording():
    x = tensorflow.constant([1, 2])
    with tensorflow.GradientTape(persistent=True) as t:
        t.watch(x)
        with t.stop_recording():
            held = tensorflow.square(x)
        y = x**3
    assert t.gradient(y, x).tolist() == [3.0, 12.0]
    assert t.gradient(y, x, output_gradients=[1.0, 10.0]).tolist() == [3.0, 120.0]
    assert t.gradient(held, x) is None


def test_intermediate_results_and_second_derivatives():
    x = tensorflow.Variable(2.0)
    with tensorflow.GradientTape() as outer:
        with tensorflow.GradientTape() as inner:
            u = x * x
            y = u * u
        slope, by_u = inner.gradient(y, [x, u])
    assert slope.numpy() == 32.0
    assert by_u.numpy() == 8.0
    assert outer.gradient(slope, x).numpy() == 48.0


def test_tensorflow_updates():
    w = tensorflow.Variable([1.0, 2.0], name="w")
    for _ in range(3):
        with tensorflow.GradientTape() as t:
            loss = tensorflow.reduce_mean(w * w)
            w.assign(w)
        w.assign_sub(0.5 * t.gradient(loss, w))
    assert w.tolist() == [0.125, 0.25]
    assert w.assign_add([1.0, 1.0]).tolist() == [1.125, 1.25]
    assert not tensorflow.Variable(1.0, trainable=False).requires_grad


# --- MXNet ---


@pytest.mark.parametrize("point", [(-1, 0, -2, 1), (-1.0, 0.0, -2.0, 1.0)])
def test_backpropagation_in_the_style_of_mxnet(point):
    npx.set_np()
    w, x, y, z = [np.array(value) for value in point]
    for v in (w, x, y, z):
        v.attach_grad()
    with autograd.record():
        f = network(w, x, y, z)
    f.backward()
    lines = [f"df/d{name} at {w}, {x}, {y}, {z} is {v.grad}" for name, v in zip("wxyz", (w, x, y, z), strict=True)]
    assert lines == LINES


def test_mxnet_records_inside_the_scope_only_and_overwrites():
    x = np.array([1, 2, 3])
    assert x.dtype.kind == "i"
    x.attach_grad()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]
    assert not (x * x).requires_grad
    for _ in range(2):
        with autograd.record():
            assert autograd.is_recording()
            y = np.sin(x) * 2
            with autograd.pause():
                assert not (x * x).requires_grad
        y.backward()
        numpy.testing.assert_array_equal(x.grad, 2 * numpy.cos([1.0, 2.0, 3.0]))
    assert not autograd.is_recording()
    x[:] = x - 0.5 * x.grad
    x -= 1
    numpy.testing.assert_array_equal(x.asnumpy(), [1.0, 2.0, 3.0] - numpy.cos([1.0, 2.0, 3.0]) - 1)
    with autograd.record(), pytest.raises(UnsupportedError, match="in place"):
        x[0] = 1.0
    with pytest.raises(ArgumentError, match="grad_req"):
        x.attach_grad("add")
    with autograd.record():
        inner = x * 2
        inner.attach_grad()
        np.sum(inner * inner).backward()
    numpy.testing.assert_array_equal(inner.grad, 2 * inner.asnumpy())


def test_mxnet_numpy_is_numpy():
    assert isinstance(np.zeros((2, 2)), mxnet.NDArray)
    assert np.exp is numpy.exp
    assert np.pi == numpy.pi
    with pytest.raises(AttributeError):
        _ = np.no_such_function


def test_submodules_are_found_when_they_are_asked_for():
    import chainrule.compat as compat

    assert {"torch", "tensorflow", "mxnet"} <= set(dir(compat))
    assert compat.torch is torch
    with pytest.raises(AttributeError):
        _ = compat.paddle
