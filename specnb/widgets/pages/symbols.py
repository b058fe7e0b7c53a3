"""Symbols of labels for the browser, from those of figures, which are in LaTeX."""

import html
import re
from html.entities import html5

RAISED = str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")


def _words(symbol):
    """The symbol without dollars and commands, but with _{...} and ^{...}."""
    text = re.sub(r"\\(?:mathrm|mathit|text|rm)\b\s*", "", symbol.replace("$", ""))
    text = re.sub(r"\\([A-Za-z]+) ?", lambda m: html5.get(f"{m[1]};", f"{m[1]} "), text)
    return re.sub(r"([_^])([^{])", r"\1{\2}", text).replace("\\", "")


def html_symbol(symbol: str) -> str:
    r"""A LaTeX symbol as HTML: ``"T<sub>eff</sub>"`` for ``"$T_\mathrm{eff}$"``."""
    text = html.escape(_words(symbol))
    text = re.sub(r"_\{([^{}]*)\}", r"<sub>\1</sub>", text)
    return re.sub(r"\^\{([^{}]*)\}", r"<sup>\1</sup>", text).replace("{", "").replace("}", "")


def plain_symbol(symbol: str) -> str:
    r"""A LaTeX symbol as plain text: ``"T_eff"`` for ``"$T_\mathrm{eff}$"``."""
    text = re.sub(r"\^\{([^{}]*)\}", lambda m: m[1].translate(RAISED), _words(symbol))
    return text.replace("{", "").replace("}", "")
