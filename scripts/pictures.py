"""Writes pictures of every page to docs/pages, from a simulated store: `make pictures`.

It needs Chromium, and looks for it on the PATH.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import quote

from serving.app import create_app
from serving.settings import Settings
from tests.serving.browser import CHROMIUM, driven, opened, served
from tests.serving.conftest import wait_until_scored

ROOT: Final = Path(__file__).parent.parent
SIZES: Final = ((1280, 800), (390, 844))
SCHEMES: Final = ("light", "dark")


def main() -> int:
    """Simulate, serve, look; of a folder that `rung demo` filled before nothing is simulated."""
    if CHROMIUM is None:
        print("pictures: there is no Chromium here. On Debian: apt-get install chromium")
        return 1
    if len(sys.argv) > 1:
        _look(Path(sys.argv[1]))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _rung("demo", "--once", "--folder", name)
        beside = "--store", f"sqlite:///{folder / 'events.db'}", "--bundle", str(folder / "bundle")
        for verb in (["funnel"], ["readiness"], ["champion", "judge"]):  # what a worker does hourly
            _rung(*verb, *beside)
        _look(folder)
    return 0


def _rung(*arguments: str) -> None:
    command = [sys.executable, "-m", "rung", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _look(folder: Path) -> None:
    """Write the pictures of a store and its bundle."""
    into = ROOT / "docs" / "pages"
    into.mkdir(exist_ok=True)
    app = create_app(Settings(f"sqlite:///{folder / 'events.db'}", folder / "bundle"))
    with served(app) as address, driven() as browser:
        wait_until_scored(app.state.service)
        held = app.state.service.store.queue.listed(50)
        first = next(score.lead_id for score in held if score.waiting_since is None)
        pages = {"queue": "/", "lead": f"/leads/{quote(first)}"} | {
            page: f"/{page}" for page in ("ladder", "experiments", "models", "settings")
        }
        for page, path in pages.items():
            for width, height in SIZES:
                for scheme in SCHEMES:
                    with opened(browser, address, width, height, color_scheme=scheme) as sheet:
                        sheet.goto(path)
                        sheet.screenshot(path=into / f"{page}-{width}-{scheme}.png")
                    print(f"{page}-{width}-{scheme}.png")


if __name__ == "__main__":
    sys.exit(main())
