"""What the package needs, with the named extras, one requirement a line: `requirements.py EXTRA...`."""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path(__file__).with_name("pyproject.toml").read_text())["project"]
extras = [requirement for name in sys.argv[1:] for requirement in project["optional-dependencies"][name]]
print("\n".join([*project["dependencies"], *extras]))
