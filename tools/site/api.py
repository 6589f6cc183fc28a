"""The reference of the API: a page for each public package, by mkdocstrings, from docstrings and annotations."""

from __future__ import annotations

import importlib

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PACKAGES = ("probvae", "probvae.testing", "probvae.report", "probvae.data", "probvae.registry", "probvae.errors")
"""The packages that have a page. The classes of components have pages of their own, and a part of their kind's."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages into the navigation, below Reference."""
    (reference,) = [section["Reference"] for section in config.nav if "Reference" in section]
    reference.append({"API": [{package: f"api/{package}.md"} for package in PACKAGES]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for package in PACKAGES:
        files.append(File.generated(config, f"api/{package}.md", content=page(package)))
    return files


def page(package: str) -> str:
    """The page of a package: what it is, and each of its public names, except for components."""
    names = importlib.import_module(package).__all__
    return "\n".join([f"# `{package}`\n", *(f"::: {package}.{name}\n" for name in names)])
