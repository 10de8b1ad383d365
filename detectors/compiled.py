"""The one place where functions are handed to numba.

numba ships no type stubs, so a bare ``@njit`` would turn every kernel into
``Any`` under a strict type checker. This wrapper keeps the Python signature and
fixes the compilation flags for the whole package.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Compile ``function`` to machine code at first call, cached on disk.

    IEEE semantics are kept (no ``fastmath``): results must not depend on the
    order in which a compiler finds it convenient to add.
    """
    return cast("F", numba.njit(cache=True, nogil=True, error_model="numpy")(function))
