"""Arrays of Arrow hold what those of numpy do."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from jetcal.data.arrow import array

NUMBERS = np.arange(20)
PROGRAM = """
import sys
import numpy as np
from jetcal.data.arrow import array
array(np.arange(3.0))
sys.exit("pandas" in sys.modules)
"""


@pytest.mark.parametrize(
    "values",
    [NUMBERS.astype(np.float32), NUMBERS.astype(np.uint64)[::3], NUMBERS % 3 == 0, NUMBERS[:0] > 0, NUMBERS[:0]],
)
def test_values_and_types_stay(values: np.ndarray) -> None:
    made = array(values)
    made.validate(full=True)
    np.testing.assert_array_equal(made.to_numpy(zero_copy_only=False), values)
    assert made.type.to_pandas_dtype() == values.dtype.type


def test_numbers_side_by_side_are_not_copied() -> None:
    made = array(NUMBERS)
    assert made.buffers()[1].address == NUMBERS.ctypes.data


def test_pandas_is_not_imported() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
