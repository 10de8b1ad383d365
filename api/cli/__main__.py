"""``python -m api.cli`` is ``earshot``."""

from __future__ import annotations

from api.cli import main

main()
