"""Everything is in pyproject.toml; Beam's --setup_file asks for a file of this name."""

from setuptools import setup

setup()
