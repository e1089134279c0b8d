"""Whether the packages for NVDEC are installed: asked before a process is started for nothing."""

import importlib.util

PACKAGES = ("PyNvVideoCodec", "pycuda")


def missing_package() -> str | None:
    """One that is not installed, in words."""
    lacking = (package for package in PACKAGES if importlib.util.find_spec(package) is None)
    return next((f"the package {package} is not installed (extra `nvdec`)" for package in lacking), None)
