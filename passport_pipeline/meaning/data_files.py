"""Reading the data files that lie beside the modules of this package.

What belongs here: from a file to Python values. What does not: what a file has to hold (cues, diseases, ucum).
"""

from __future__ import annotations

from importlib import resources

import yaml


def read_yaml(package: str, path: str) -> object:
    """A YAML file below a package as Python values, by the loader in C: every process reads all of these files."""
    text = resources.files(package).joinpath(path).read_text(encoding="utf-8")
    return yaml.load(text, yaml.CSafeLoader)
