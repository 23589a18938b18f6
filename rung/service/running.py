"""`rung serve`, `work` and `doctor`: the service, its work alone, and what is wrong with both."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import Any, Final

from rung.call.bundles import look_here
from rung.call.options import json_option, store_option
from rung.call.parser import Progress, add_verb
from rung.call.printing import print_json, print_line

__all__ = ["add_doctor", "add_serve", "add_work", "run_service"]

_VARIABLES: Final = {
    "store": "RUNG_DATABASE_URL",
    "bundle": "RUNG_BUNDLE",
    "host": "RUNG_HOST",
    "port": "RUNG_PORT",
}


def add_serve(verbs: Any) -> None:
    """Add `rung serve`."""
    serve = add_verb(verbs, "serve", _serve, "start the HTTP service and its pages")
    store_option(serve)
    _bundle_option(serve)
    serve.add_argument("--host", help="default: RUNG_HOST, or 127.0.0.1")
    serve.add_argument("--port", help="default: RUNG_PORT, or 8000")


def add_work(verbs: Any) -> None:
    """Add `rung work`."""
    work = add_verb(verbs, "work", _work, "keep the scores of a store fresh, without answering")
    store_option(work)
    _bundle_option(work)


def add_doctor(verbs: Any) -> None:
    """Add `rung doctor`."""
    doctor = add_verb(verbs, "doctor", _doctor, "check a deployment, and say what to do")
    store_option(doctor)
    _bundle_option(doctor)
    doctor.add_argument("--url", help="look at the service there too, such as https://host")
    json_option(doctor)


def _bundle_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bundle", help="default: RUNG_BUNDLE")


def run_service(environment: Mapping[str, str]) -> None:
    """Serve until a signal says to stop; whom it answers is told first."""
    from serving.process.memory import hasten

    hasten()
    from serving.running import check_address, has_no_key, run
    from serving.settings import Settings

    settings = Settings.from_environment(environment)
    check_address(settings.host, settings.port)
    if has_no_key(settings):
        print("no key: answers this machine alone; make one with `rung key create`", flush=True)
    run(environment, "rung.service.worker")


def _serve(parsed: argparse.Namespace, _: Progress) -> None:
    run_service(_environment(parsed, "store", "bundle", "host", "port"))


def _work(parsed: argparse.Namespace, _: Progress) -> None:
    from serving.process.memory import hasten

    hasten()
    from rung.service.worker import chores_of  # it is run as a program, too
    from serving.process.worker import work
    from serving.settings import Settings

    settings = Settings.from_environment(_environment(parsed, "store", "bundle"))
    work(settings, chores=chores_of(settings))


def _doctor(parsed: argparse.Namespace, _: Progress) -> int | None:
    from serving.doctor import examine

    findings = examine(_environment(parsed, "store", "bundle"), parsed.url)
    is_fine = all(one.state != "wrong" for one in findings)
    if parsed.json:
        print_json({"fine": is_fine, "findings": [one.as_dict() for one in findings]})
    else:
        for one in findings:
            print_line(one.line())
    return None if is_fine else 1


def _environment(parsed: argparse.Namespace, *names: str) -> dict[str, str]:
    """The environment, with those of these options in it that were given: RUNG_HOST.

    Where it trusts types of a bundle's own, the current folder is where they may be.
    """
    given = {_VARIABLES[name]: getattr(parsed, name) for name in names if getattr(parsed, name)}
    environment = dict(os.environ) | given
    if environment.get("RUNG_TRUSTED_TYPES"):
        look_here()
    return environment
