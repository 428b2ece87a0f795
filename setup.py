"""Builds the Python package: Bazel compiles the extension, setuptools packs it.

    python3 -m pip install --no-build-isolation .

What the package is called and needs stands in pyproject.toml. Nothing is left behind in the source
tree but Bazel's own links.
"""

import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = pathlib.Path(__file__).resolve().parent
# The interpreter that the WORKSPACE builds for, and where its packages are.
DEBIAN_PYTHON = "/usr/bin/python3"
DEBIAN_PACKAGES = "/usr/lib/python3/dist-packages"


class BazelExtension(Extension):
    """An extension module that a Bazel target builds."""

    def __init__(self, name, target):
        super().__init__(name, sources=[])
        self.target = target


class BazelBuild(build_ext):
    """Has Bazel build each extension and copies it to where setuptools wants it."""

    def build_extension(self, ext):
        self._check_interpreter()
        subprocess.run([ROOT / "tools" / "setup"], check=True)
        # Bazel's messages go to stderr; pip shows them if the build fails.
        options = ["--noshow_progress", "--ui_event_filters=-info,-debug", "--show_result=0"]
        subprocess.run(["bazel", "build", *options, ext.target], cwd=ROOT, check=True)
        info = subprocess.run(
            ["bazel", "info", "bazel-bin"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
        )
        built = pathlib.Path(info.stdout.strip(), ext.target.removeprefix("//").replace(":", "/"))
        target = pathlib.Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copyfile(built, target)
        target.chmod(0o755)

    @staticmethod
    def _check_interpreter():
        """Refuses an interpreter that could not load what Bazel builds."""
        query = "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))"
        debian = subprocess.run(
            [DEBIAN_PYTHON, "-c", query], check=True, stdout=subprocess.PIPE, text=True
        )
        ours = sysconfig.get_config_var("EXT_SUFFIX")
        theirs = debian.stdout.strip()
        if ours != theirs:
            sys.exit(
                f"vmsim: this Python ({sys.executable}) loads extensions named *{ours}, but the "
                f"extension is built for {DEBIAN_PYTHON}, *{theirs}.\n"
                f"Use a virtual environment of that one: "
                f"{DEBIAN_PYTHON} -m venv --system-site-packages DIR"
            )


def main():
    os.chdir(ROOT)
    # An environment of another Python 3.11 may lack wheel; Debian's serves it as well.
    if importlib.util.find_spec("wheel") is None:
        sys.path.append(DEBIAN_PACKAGES)
    # setuptools would leave build/ and vmsim.egg-info/ in the tree.
    with tempfile.TemporaryDirectory(prefix="vmsim-build-") as scratch:
        setup(
            ext_modules=[BazelExtension("vmsim._core", "//python:vmsim/_core.so")],
            cmdclass={"build_ext": BazelBuild},
            options={
                "build": {"build_base": scratch},
                "egg_info": {"egg_base": scratch},
            },
        )


main()
