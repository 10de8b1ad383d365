"""Writes the Grafana dashboards: ``python deploy/grafana/build.py``.

The JSON beside this file is never edited; what is shown is in ``boards.py``.
"""

from __future__ import annotations

import json
from pathlib import Path

from boards import DASHBOARDS
from panels import Dashboard, built

HERE = Path(__file__).parent / "dashboards"


def text_of(dashboard: Dashboard) -> str:
    """The file of a dashboard."""
    return json.dumps(built(dashboard), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write all dashboards."""
    for dashboard in DASHBOARDS:
        (HERE / f"{dashboard.uid}.json").write_text(text_of(dashboard))


if __name__ == "__main__":
    main()
