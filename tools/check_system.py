"""Say in one sentence what the system lacks for a make target, before it starts.

    python tools/check_system.py setup|test [--packages]

Runs on any Python 3, so that an old one gets a sentence, not a traceback. With --packages it only
prints the Debian packages to install, for .ci/run.
"""
import os
import shutil
import sys
from importlib.util import find_spec

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def find_browser():
    """Path of Chromium or Chrome, else None; CHROMIUM in the environment goes first."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


def main(target, packages_only):
    lacking = []  # (Debian package, what it is for)
    if not (find_spec("venv") and find_spec("ensurepip")):
        lacking.append(("python3-venv", "the virtual environment"))
    if target == "test" and not find_browser():
        lacking.append(("chromium", "the browser tests of the site"))
    if packages_only:
        print(" ".join(name for name, _ in lacking))
        return 0
    if sys.version_info < (3, 11):
        version = ".".join(map(str, sys.version_info[:2]))
        print("make %s needs Python 3.11 or newer and %s is %s: name one with "
              "PYTHON, as in `make %s PYTHON=python3.12`." % (target, sys.executable, version, target))
        return 1
    if lacking:
        wants = " and ".join("%s (for %s)" % pair for pair in lacking)
        names = " ".join(name for name, _ in lacking)
        print("make %s lacks %s: install it with `apt-get install %s`." % (target, wants, names))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "--packages" in sys.argv))
