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
    """Simulate, serve, look."""
    if CHROMIUM is None:
        print("pictures: there is no Chromium here. On Debian: apt-get install chromium")
        return 1
    into = ROOT / "docs" / "pages"
    into.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        demo = ["rung", "demo", "--once", "--folder", str(folder)]
        subprocess.run([sys.executable, "-m", *demo], check=True, stdout=subprocess.DEVNULL)
        for verb in (["funnel"], ["readiness"]):
            told = [*verb, "--store", f"sqlite:///{folder / 'events.db'}"]
            subprocess.run(
                [sys.executable, "-m", "rung", *told], check=False, stdout=subprocess.DEVNULL
            )
        settings = Settings(f"sqlite:///{folder / 'events.db'}", folder / "bundle")
        app = create_app(settings)
        with served(app) as address, driven() as browser:
            wait_until_scored(app.state.service)
            store = app.state.service.store
            first = next(
                score.lead_id for score in store.scores.queue(50) if score.waiting_since is None
            )
            pages = {
                "queue": "/",
                "lead": f"/leads/{quote(first)}",
                "ladder": "/ladder",
                "experiments": "/experiments",
                "models": "/models",
                "settings": "/settings",
            }
            for page, path in pages.items():
                for width, height in SIZES:
                    for scheme in SCHEMES:
                        with opened(browser, address, width, height, color_scheme=scheme) as sheet:
                            sheet.goto(path)
                            sheet.screenshot(path=into / f"{page}-{width}-{scheme}.png")
                        print(f"{page}-{width}-{scheme}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
