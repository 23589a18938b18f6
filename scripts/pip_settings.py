"""What pip is configured with, said in uv's words.

A machine reaches packages through what its pip is told: a mirror, a proxy, a certificate, a folder
of wheels. uv reads none of that. What it can be told is passed on; where pip has a setting that uv
has no word for, `only_pip` names it and pip does the work. Only the standard library is used: this
runs before anything is installed.
"""

import ast
import os
import re
import ssl
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

SOURCES: Final = {
    "index-url": "--default-index",
    "extra-index-url": "--index",
    "find-links": "--find-links",
}
"""Where packages come from. Each may name several places, relative paths among them."""

OPTIONS: Final = {
    "trusted-host": "--allow-insecure-host",
    "cert": "--cert",
}

VARIABLES: Final = {
    "client-cert": ("SSL_CLIENT_CERT",),
    "proxy": ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"),
    "retries": ("UV_HTTP_RETRIES",),
    "timeout": ("UV_HTTP_TIMEOUT",),
    "default-timeout": ("UV_HTTP_TIMEOUT",),
}

SWITCHES: Final = {"no-index": "--no-index", "no-cache-dir": "--no-cache"}

# fmt: off
WITHOUT_EFFECT: Final = {
    "break-system-packages", "cache-dir", "compile", "config-file", "debug",
    "disable-pip-version-check", "format", "log", "no-binary", "no-color", "no-compile",
    "no-input", "no-python-version-warning", "no-warn-conflicts", "no-warn-script-location",
    "only-binary", "pre", "prefer-binary", "progress-bar", "quiet", "require-hashes",
    "require-virtualenv", "root-user-action", "upgrade", "upgrade-strategy", "user", "verbose",
}
# fmt: on
"""What pip prints, keeps or asks for; and choices that a lock of hashes leaves to nobody."""

OWN_SOURCES: Final = (
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_NO_INDEX",
)
"""Whoever sets one of these has told uv itself where packages come from: pip's places stay out."""


def read(python: Path) -> dict[str, str]:
    """Return the settings of `pip install`, from all of pip's files and the environment."""
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "config", "list"]
    done = subprocess.run(command, capture_output=True, text=True)
    return parse(done.stdout)


def parse(listed: str) -> dict[str, str]:
    """Return the settings from the lines of `pip config list`, the strongest of each name.

    pip takes `[install]` before `[global]`, and a variable of the environment before both.
    """
    strength = ("global", "install", ":env:")
    found: dict[str, dict[str, str]] = {section: {} for section in strength}
    for line in listed.splitlines():
        if match := re.fullmatch(r"(global|install|:env:)\.([\w-]+)=(['\"].*['\"])", line.strip()):
            section, name, value = match.groups()
            found[section][name.replace("_", "-")] = str(ast.literal_eval(value))
    return {name: value for section in strength for name, value in found[section].items()}


def only_pip(settings: Mapping[str, str], locked: Iterable[str]) -> list[str]:
    """Return the names of the settings that only pip can follow."""
    known = {*SOURCES, *OPTIONS, *VARIABLES, *SWITCHES, *WITHOUT_EFFECT}
    if not constrains(settings.get("constraint", ""), locked):
        known.add("constraint")
    return sorted(name for name in settings if name not in known)


def constrains(files: str, locked: Iterable[str]) -> bool:
    """Return whether a constraint is about what is locked; one that cannot be read may be.

    uv takes no constraint beside hashes unless it names one exact version. Most are about packages
    that Rung does not have, and mean nothing here.
    """
    try:
        text = "\n".join(Path(file).expanduser().read_text() for file in files.split())
    except (OSError, UnicodeDecodeError):
        return True
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = [re.match(r"[A-Za-z0-9][\w.-]*", line) for line in lines if line[0] != "#"]
    names = {canonical(match[0]) for match in found if match}
    return None in found or bool(names & {canonical(name) for name in locked})


def canonical(name: str) -> str:
    """Return a package's name as an index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def options(settings: Mapping[str, str], folder: Path) -> list[str]:
    """Return the options of uv that say what pip's settings say; paths are relative to `folder`.

    pip looks for the best file at all places and uv would stay with the first that has the package;
    as the hashes decide what is accepted, pip's way is as safe.
    """
    said = ["--index-strategy", "unsafe-best-match"]
    if not any(name in os.environ for name in OWN_SOURCES):
        for name, option in SOURCES.items():
            said += _each(option, [_place(one, folder) for one in settings.get(name, "").split()])
    for name, option in OPTIONS.items():
        said += _each(option, settings.get(name, "").split())
    said += [option for name, option in SWITCHES.items() if _is_on(settings.get(name, ""))]
    if "cert" not in settings and _system_has_certificates():
        said.append("--system-certs")
    return said


def variables(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for uv: ours, and in it what pip's settings say.

    uv fetches no Python of its own and finds the one of .venv by its path, not by a variable. What
    the caller has told uv stays.
    """
    ours = {name: value for name, value in os.environ.items() if name != "UV_SYSTEM_PYTHON"}
    said = {"UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1"}
    for name, targets in VARIABLES.items():
        if name in settings:
            said |= dict.fromkeys(targets, settings[name])
    kept = {name for name in said if name.startswith("UV_HTTP_") and name in ours}
    return ours | {name: value for name, value in said.items() if name not in kept}


def _each(option: str, values: Iterable[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def _place(value: str, folder: Path) -> str:
    return value if "://" in value else str(folder / Path(value).expanduser())


def _is_on(value: str) -> bool:
    return value.lower() in {"1", "true", "t", "yes", "y", "on"}


def _system_has_certificates() -> bool:
    """A small Debian has none; uv's own are right there."""
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile or (paths.capath and any(Path(paths.capath).iterdir())))
