"""`chainrule.scipy.special`: SciPy's own numbers for arrays, the graph for handles, and what lies at the edges."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.special

import chainrule as cr
import chainrule.scipy
from chainrule.errors import ArgumentError, NotDifferentiableError, UnsupportedError
from chainrule.scipy import special
from tests.oracles import tolerance

INF = np.inf


def test_submodules_are_imported_when_used():
    program = (
        "import sys, chainrule, chainrule.scipy; before = 'chainrule.scipy.special' in sys.modules; "
        "chainrule.scipy.special.softmax; print(before, 'chainrule.scipy.special' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_unknown_submodules_are_named():
    assert "special" in dir(chainrule.scipy)
    with pytest.raises(AttributeError, match="no attribute 'optimise'"):
        chainrule.scipy.optimise  # noqa: B018


@pytest.mark.parametrize("name", sorted(set(special.__all__) - {"lambertw"}))
def test_plain_arrays_get_scipys_own_answer(name):
    arguments = {"polygamma": (1, [0.5, 1.5]), "multigammaln": ([2.5, 3.5], 2), "zeta": (2.0, [0.5, 1.5])}
    given = arguments.get(name, ([0.5, 1.5],))
    np.testing.assert_array_equal(getattr(special, name)(*given), getattr(scipy.special, name)(*given))


@pytest.mark.parametrize(
    ("function", "keywords"),
    [
        (special.softmax, {}),
        (special.softmax, {"axis": 1}),
        (special.log_softmax, {"axis": -1}),
        (special.logsumexp, {"axis": 1, "keepdims": True}),
        (special.logsumexp, {"b": np.array([[1.0, 0.0, 2.0], [0.5, 1.0, 0.0], [3.0, 1.0, 1.0]]), "axis": 1}),
        (special.logsumexp, {"b": 0.5}),
    ],
)
def test_values_far_from_zero_are_scipys(function, keywords):
    x = np.array([[1e10, 1e10 + 1, -5.0], [-1e4, -1e4 - 2, -INF], [800.0, -800.0, 0.0]])
    value = cr.vjp(lambda x: function(x, **keywords), x)[0]
    np.testing.assert_allclose(value, function(x, **keywords), rtol=tolerance(float, 4.0), atol=0)


def test_log_softmax_keeps_its_digits_far_from_zero():
    gradient = cr.jacobian(lambda x: special.log_softmax(x + 1e10))(np.array([0.0, 1.0]))
    p = scipy.special.softmax([0.0, 1.0])
    np.testing.assert_allclose(gradient, np.eye(2) - p, rtol=tolerance(float, 4.0))


@pytest.mark.parametrize(
    "keywords", [{}, {"b": np.array([1.0, 2.0])}, {"b": np.array([1.0, -2.0]), "return_sign": True}]
)
def test_logsumexp_of_nothing_has_derivative_zero(keywords):
    def f(x):
        result = special.logsumexp(x, **keywords)
        return result[0] if isinstance(result, tuple) else result

    value, gradient = cr.value_and_grad(f)(np.full(2, -INF))
    assert value == -INF
    np.testing.assert_array_equal(gradient, [0.0, 0.0])


def test_a_weight_of_zero_takes_an_infinite_entry_out():
    b = np.array([0.0, 2.0, 0.0])
    value, gradient = cr.value_and_grad(lambda x: special.logsumexp(x, b=b))(np.array([INF, 1.0, -INF]))
    np.testing.assert_allclose(value, 1 + np.log(2), rtol=tolerance(float, 4.0))
    np.testing.assert_array_equal(gradient, [0.0, 1.0, 0.0])


def test_the_derivative_by_a_weight():
    x, b = np.array([0.3, -1.0]), np.array([0.5, 2.0])
    expected = np.exp(x) / np.sum(b * np.exp(x))
    gradient = cr.grad(lambda b: special.logsumexp(x, b=b))(b)
    np.testing.assert_allclose(gradient, expected, rtol=tolerance(float, 4.0))


def test_the_logarithm_of_a_negative_sum_needs_its_sign():
    b = np.array([1.0, -3.0])
    assert np.isnan(cr.vjp(lambda x: special.logsumexp(x, b=b), np.zeros(2))[0])
    (size, sign), _ = cr.vjp(lambda x: special.logsumexp(x, b=b, return_sign=True), np.zeros(2))
    np.testing.assert_allclose(size, np.log(2), rtol=tolerance(float, 4.0))
    assert sign == -1


def test_under_vmap_the_axes_are_those_of_one_row():
    x = np.arange(6.0).reshape(3, 2)
    np.testing.assert_allclose(
        cr.vmap(special.softmax)(x), scipy.special.softmax(x, axis=1), rtol=tolerance(float, 4.0)
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: special.polygamma(-1, x), ArgumentError, "n must be an integer from 0 on, not -1"),
        (lambda x: special.polygamma(1.5, x), ArgumentError, r"n must be an integer from 0 on, not 1\.5"),
        (lambda x: special.zeta(x), NotDifferentiableError, "the Riemann zeta function has no closed derivative"),
        (lambda x: special.softmax(x, axis=3), ArgumentError, "axis 3 does not exist"),
        (lambda x: special.logsumexp(x, axis="rows"), ArgumentError, "axis must be an integer"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message) as caught:
        cr.vjp(call, np.array(0.5))
    assert "\n  Fix: " in str(caught.value)


UFUNC_REFUSALS = [
    (lambda x: scipy.special.gdtr(x, 1.0, 2.0), r"scipy\.special\.gdtr: chainrule does not know this function yet"),
    (lambda x: scipy.special.erf(x, where=np.array(True)), r"scipy\.special\.erf: the keyword where="),
    (lambda x: scipy.special.erf(x, out=np.zeros(())), r"scipy\.special\.erf: out="),
    (lambda x: scipy.special.beta.outer(x, x), r"scipy\.special\.beta\.outer: this ufunc method is not supported"),
    (lambda x: np.isnan(x, dtype=bool) * x, r"numpy\.isnan: the keyword dtype= is not supported"),
    (lambda x: np.nan_to_num(x, copy=False), r"numpy\.nan_to_num: the keyword copy=False is not supported"),
    (lambda x: np.nan_to_num(x, nan=[1.0]), r"numpy\.nan_to_num: nan= must be a number, not list"),
    (lambda x: np.round(x, 1, np.zeros(())), r"numpy\.round: the keyword out="),
]


@pytest.mark.parametrize(("call", "message"), UFUNC_REFUSALS)
def test_ufuncs_refuse_what_they_cannot_honour(call, message):
    with pytest.raises(UnsupportedError if "must be" not in message else ArgumentError, match=message) as caught:
        cr.grad(call)(0.5)
    assert "\n  Fix: " in str(caught.value)


@pytest.mark.parametrize("ufunc", [scipy.special.erf, scipy.special.gammaln, np.tan, np.sinh, np.rint])
def test_a_ufunc_answers_in_the_dtype_asked_for(ufunc):
    x = np.array([0.5, 1.5])
    value, pullback = cr.vjp(lambda x: ufunc(x, dtype=np.float32), x)
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, ufunc(x, dtype=np.float32), rtol=tolerance("f4"))
    assert np.asarray(pullback(np.ones(2, np.float32))).dtype == np.float64
