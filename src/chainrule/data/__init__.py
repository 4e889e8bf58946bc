"""Data that the examples use; see `README.md` beside this file for where they come from."""

from __future__ import annotations

import csv
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
SPECIES = ("setosa", "versicolor", "virginica")

__all__ = ["COLUMNS", "SPECIES", "iris"]


def iris() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Load Fisher's measurements of 150 iris flowers.

    Returns
    -------
    measurements : ndarray of float64, shape (150, 4)
        Lengths and widths of sepals and petals in centimetres, in the order of `COLUMNS`.
    species : ndarray of int64, shape (150,)
        The place of each flower's species in `SPECIES`.

    References
    ----------
    .. [1] R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7 (1936), table I.

    Examples
    --------
    >>> from chainrule.data import iris
    >>> measurements, species = iris()
    >>> measurements[species == 0].mean(axis=0)
    array([5.006, 3.428, 1.462, 0.246])
    """
    with files("chainrule.data").joinpath("iris.csv").open(encoding="utf-8") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    measurements = np.array([[float(row[column]) for column in COLUMNS] for row in rows])
    species = np.array([SPECIES.index(row["species"]) for row in rows], dtype=np.int64)
    return measurements, species
