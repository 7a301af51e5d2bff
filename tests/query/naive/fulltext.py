"""TEXT: terms, exclusions and prefixes over the words of a text (10.7).

Sections are those of query-language.md.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from query.naive.errors import Refused
from query.naive.values import Value


def plain(text: str) -> str:
    """Lower case; Latin-1 letters without their accents."""
    letters = []
    for c in text:
        if 0xC0 <= ord(c) <= 0xFF:
            c = unicodedata.normalize("NFD", c)[0]
        letters.append(c.lower())
    return "".join(letters)


def words(text: str) -> set[str]:
    """The tokens of a stored text."""
    return {plain(word) for word in re.findall(r"[^\W_]+", text)}


@dataclass
class Terms:
    """What a search asks for."""

    wanted: list[str]
    prefixes: list[str]
    excluded: list[str]

    def found(self, text: Value) -> bool:
        """Whether a text has what is asked for; null has no words."""
        have = words(text) if isinstance(text, str) else set()
        if any(word in have for word in self.excluded):
            return False
        if not all(word in have for word in self.wanted):
            return False
        return all(any(word.startswith(prefix) for word in have) for prefix in self.prefixes)


def refused(message: str) -> Refused:
    """A search that cannot run."""
    return Refused("InvalidArgument", message)


def compile_terms(text: Value) -> Terms:
    """The terms of a search, split at blanks."""
    terms = Terms([], [], [])
    for term in (text or "").split(" "):
        if not term:
            continue
        exclude, word = term.startswith("-"), term.removeprefix("-")
        prefix = word.endswith("*")
        word = plain(word.removesuffix("*"))
        if not re.fullmatch(r"[^\W_]+", word):
            raise refused("Non alphanumeric characters not allowed inside search word")
        if prefix:
            if not exclude:
                terms.prefixes.append(word)
        else:
            (terms.excluded if exclude else terms.wanted).append(word)
    if set(terms.excluded) & set(terms.wanted):
        raise refused("You can't include and exclude the same token")
    if not (text or "").strip(" "):
        raise refused("Missing search token")
    return terms
