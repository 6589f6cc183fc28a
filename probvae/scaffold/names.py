"""The names of a new plugin: namespace, module and distribution."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass

from probvae.errors import UserError

LONGEST = 32
"""The longest name with which every line of the templates keeps its line length."""

_NAME = re.compile("[a-z][a-z0-9]*([-_][a-z0-9]+)*")


@dataclass(frozen=True)
class PluginNames:
    """The names of one plugin.

    Args:
        namespace: the part before the dot in a spec, such as `heavy_tails`.
    """

    namespace: str

    @property
    def module(self) -> str:
        """The package to import, as `probvae_heavy_tails`."""
        return f"probvae_{self.namespace}"

    @property
    def distribution(self) -> str:
        """The name for pip, such as `probvae-heavy-tails`; also the name of the folder."""
        return self.module.replace("_", "-")

    @classmethod
    def of(cls, name: str, claimed: Mapping[str, str]) -> PluginNames:
        """The names that follow from what the user calls the plugin.

        Args:
            name: lower-case words, joined by dashes or underscores: `tails`, `heavy-tails`.
            claimed: namespaces in use -> their owners.

        Raises:
            UserError: the name is invalid or in use.

        >>> PluginNames.of("heavy-tails", claimed={}).module
        'probvae_heavy_tails'
        """
        _check_form(name)
        namespace = name.replace("-", "_")
        first, _, rest = namespace.partition("_")
        if first in ("probvae", "plugin"):
            # A --plugin file x.py is the module probvae_plugin_x, which a package must not be too.
            hint = f"Try {rest.replace('_', '-')}" if rest else "Name what it adds, such as tails"
            raise UserError(
                f"plugin name {name!r}: expected one without 'probvae' or 'plugin' in front, as 'probvae-' is put "
                f"there; got {first!r}. {hint}."
            )
        if keyword.iskeyword(namespace):
            raise UserError(
                f"plugin name {name!r}: expected a name that is not a Python keyword; got a keyword. "
                f"Add a word, such as {name}-prior."
            )
        if namespace in claimed:
            raise UserError(
                f"plugin name {name!r}: expected an unused namespace; got {namespace!r} taken by "
                f"{claimed[namespace]}. Take another; `probvae plugins` lists those in use."
            )
        return cls(namespace)


def _check_form(name: str) -> None:
    if not _NAME.fullmatch(name):
        better = re.sub("[^a-z0-9]+", "-", re.sub("(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()).strip("-")
        raise UserError(
            "plugin name: expected lower-case words of a-z and 0-9, joined by single dashes or underscores, that "
            f"start with a letter; got {name!r}. Try {better if _NAME.fullmatch(better) else 'heavy-tails'}."
        )
    if len(name) > LONGEST:
        raise UserError(
            f"plugin name {name!r}: expected at most {LONGEST} characters; got {len(name)}. Shorten it."
        )
