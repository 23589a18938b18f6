"""Build the wheel, compare it with what git tracks, import all of it from a clean environment.

`make wheel` runs it. The build leaves files out without a word when .gitignore names them, and an
editable install hides it; this does not.
"""

import os
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMPORT_ALL = """
import importlib, pathlib, sys
for module in sys.argv[1:]:
    where = pathlib.Path(importlib.import_module(module).__file__)
    assert where.is_relative_to(sys.prefix), f"{module} came from {where}"
"""


def build(folder: Path) -> Path:
    """Return the wheel, built with what is installed: nothing is fetched."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
    subprocess.run([*command, folder], cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def tracked() -> set[str]:
    """Return the files that git tracks and the wheel is meant to hold."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shipped = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    listed = subprocess.run(
        ["git", "ls-files", "--", *shipped], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return set(listed.stdout.split("\n")) - {""}


def held(wheel: Path) -> set[str]:
    """Return the files of the wheel, without its metadata."""
    names = zipfile.ZipFile(wheel).namelist()
    return {name for name in names if ".dist-info/" not in name}


def modules(files: set[str]) -> list[str]:
    """Return the names under which the Python files are imported."""
    paths = sorted(Path(name) for name in files if name.endswith(".py"))
    names = (".".join(path.with_suffix("").parts) for path in paths)
    return [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]


def install(wheel: Path, folder: Path) -> Path:
    """Return the Python of a clean environment with the wheel and, read only, our dependencies."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", wheel], check=True)
    site = next((folder / "lib").glob("python*/site-packages"))
    # A folder added by a .pth file is searched, but its own .pth files are not: no editable rung.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python


def main() -> None:
    """Compare and import; the first difference ends it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = build(folder)
        ours, theirs = tracked(), held(wheel)
        if ours != theirs:
            lines = [f"  in git, not in the wheel: {file}" for file in sorted(ours - theirs)]
            lines += [f"  in the wheel, not in git: {file}" for file in sorted(theirs - ours)]
            sys.exit("wheel: not what git tracks\n" + "\n".join(lines))
        python = install(wheel, folder / "clean")
        found = modules(theirs)
        empty = {"PATH": os.defpath, "HOME": name}
        subprocess.run([python, "-I", "-c", IMPORT_ALL, *found], check=True, cwd=folder, env=empty)
        command = python.parent / "rung"
        subprocess.run([command, "--help"], check=True, cwd=folder, env=empty, capture_output=True)
        print(f"wheel: {len(theirs)} files, all tracked by git; {len(found)} modules import")


if __name__ == "__main__":
    main()
