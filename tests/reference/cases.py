"""Reading of the reference cases, here and beside the project."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
BESIDE = HERE.parents[2] / "shared" / "reference"


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, by column name."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def by_case(path: Path, *columns: str) -> dict[tuple[str, ...], list[dict[str, str]]]:
    """The rows of a CSV file grouped by the given columns."""
    cases = defaultdict(list)
    for row in rows(path):
        cases[tuple(row[column] for column in columns)].append(row)
    return dict(cases)


def column(case: list[dict[str, str]], name: str) -> np.ndarray:
    """A numeric column, NaN where R wrote NA."""
    return np.array([float("nan") if row[name] in {"NA", ""} else float(row[name]) for row in case])


def file_beside(name: str) -> Path:
    """A reference file that does not travel with the project, or skip the test by name."""
    path = Path(os.environ.get("EARSHOT_REFERENCE_CASES", BESIDE)) / name
    if not path.exists():
        pytest.skip(f"needs {name} in ../shared/reference or EARSHOT_REFERENCE_CASES")
    return path
