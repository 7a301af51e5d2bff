"""A hook of MkDocs (mkdocs.yml): the pages of docs/ make a site without the rest of the tree.

A link that leaves docs/ becomes its text and the file's name.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

LINK = re.compile(r"\[([^]]+)\]\((?![a-z]+:|#)([^)#\s]+)(?:#[^)\s]*)?\)")


def within(markdown: str, page: str) -> str:
    """The page, whose path in docs/ is `page`, with links to other pages of docs/ only."""
    folder = posixpath.dirname(page)

    def named(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link[2]))
        return f"{link[1]} (`{target[3:]}`)" if target.startswith("../") else link[0]

    return LINK.sub(named, markdown)


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """What MkDocs calls for each page."""
    return within(markdown, page.file.src_uri)
