"""Fixtures that every test may ask for; each kind lives in a module of its own."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent
_MODULES = ("kafka_broker", "postgres", "stores")

pytest_plugins = [f"tests.{name}" for name in _MODULES if (_HERE / f"{name}.py").exists()]
