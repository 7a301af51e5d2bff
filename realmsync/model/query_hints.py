"""How to mend a query that was refused: what people write who know another language.

Only asked after something has failed, and only ever an addition to Realm's own message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from realmsync.errors import QueryError, QuerySyntaxError
from realmsync.model.schema import ClassSchema
from realmsync.naming import did_you_mean

_ARGUMENTS = "values may be given as arguments: filtered('name == $0', value)"

_CURLED = "[“”„«»‘’]"
_STRAIGHT = "texts stand in straight quotes, \" or '"

# What stands near the place of a syntax error, and what is written instead. The first that fits.
_SPELLINGS: tuple[tuple[str, str], ...] = (
    (r"=!", "did you mean `!=`?"),
    (r"===+|!==+", "write `==` or `!=`"),
    (
        r"\[\s*C\s*\]|\[\s+c\s*\]|\[c\s+\]|\[ci\]|\[cd\]|\[d\]",
        "write `[c]`, in lower case and without blanks",
    ),
    (_CURLED, _STRAIGHT),
    (r"(?i)\bis\s+not\s+(null|nil|none)\b", "write `!= NULL`"),
    (r"(?i)\bis\s+(null|nil|none)\b", "write `== NULL`"),
    (
        r"(?i)\bnot\s+(in|contains|like|beginswith|endswith|between)\b",
        "NOT stands before the whole comparison: `NOT name IN {'a', 'b'}`",
    ),
    (r"(?i)\bin\s*[\[(]", "lists stand in braces, `IN {1, 2}`, or are an argument, `IN $0`"),
    (r"(?i)\bbetween\s+[^{\s]", "write `BETWEEN {1, 5}`"),
    (
        r"(?i)\border\s+by\b|\bsort\s+by\b|\bsort\s+[^(\s]",
        "write `SORT(name ASC)`, or sorted('name')",
    ),
    (r"(?i)\bsort\s*\(", "SORT names a direction for every property: `SORT(name ASC, age DESC)`"),
    (r"(?i)\blimit\s+[^(\s]", "write `LIMIT(5)`, or limit(5)"),
    (r"(?i)\bdistinct\s+[^(\s]", "write `DISTINCT(name)`, or distinct('name')"),
    (r"(?i)\b(select|where|from)\b", "a query is the condition alone: `age > 3 AND name == 'Rex'`"),
    (
        r"\b(oid|uuid)\s*\(\s*['\"]|\b(oid|uuid)\s+\(|\b(oid|uuid)\(\s",
        "no quotes and blanks in it: `oid(64c236637a71e28b00000001)`; " + _ARGUMENTS,
    ),
    (r"(?<!&)&(?!&)", "write `AND` or `&&`"),
    (r"(?<!\|)\|(?!\|)", "write `OR` or `||`"),
    (
        r"(?i)@(count|size|min|max|sum|avg|links|type|keys|values)",
        "a dot stands before it, and it is in lower case: `friends.@count`",
    ),
    (r"\?|%s|%d|:[a-z]\w*|@[A-Z]\w*\b", "placeholders are `$0`, `$1`, …; " + _ARGUMENTS),
    (r"\$(?!\w)|\$\{|\{[a-z]\w*\}", "placeholders are `$0`, `$1`, …; " + _ARGUMENTS),
    (r"\bNot\b", "write `NOT` or `not`"),
    (r"\bIn\b", "write `IN` or `in`"),
    (
        r"\b(Any|All|None|Some)\b",
        "write `ANY`, `ALL`, `NONE` in upper or lower case; for no value `NULL`",
    ),
    (r"\w\s-\d", "`-1` is a number here: write `age - 1` with blanks"),
    (r"~|\bmatches\b|\bregex\b", "patterns are `LIKE 'a*b?'`"),
    (r"%", "there is no remainder"),
    (r"\d{4}-\d\d-\d\d", "dates are `2024-12-31@10:00:00`, in UTC; " + _ARGUMENTS),
)

_PLACE = 16  # characters around the place of a fault, in which the cause is sought
_NO_PROPERTY = re.compile(r"'(?P<cls>[^']+)' has no property '(?P<name>[^']+)'")
_NOT_SORTED = re.compile(
    r"No property '(?P<name>[^']+)' found on object type '(?P<cls>[^']+)' specified in"
)
_NO_BACKLINK = re.compile(
    r"No property '(?P<name>[^']+)' found in type '(?P<cls>[^']+)' which links to"
)

# What other messages call for.
_MESSAGES: tuple[tuple[str, str], ...] = (
    (r"but a list was provided", "arguments are given one by one: filtered(text, first, second)"),
    (
        r"but (only|no arguments)",
        "every `$n` needs an argument, given one by one: filtered('age > $0', 3)",
    ),
    (
        r"Unsupported comparison between type '(objectId|uuid)' and type 'string'",
        "write `oid(…)` or `uuid(…)` without quotes, or give an ObjectId or UUID as an argument",
    ),
    (
        r"Unsupported comparison between type 'timestamp' and type 'string'",
        "dates have no quotes: `2024-12-31@10:00:00`; or give a datetime as an argument",
    ),
    (r"Unsupported comparison between type 'bool' and type", "write `true` or `false`"),
    (r"Unsupported comparison between type 'binary' and type 'string'", "write `binary('…')`"),
    (
        r"Unsupported comparison between '.*' and type|cannot be compared to an argument of type",
        "links are compared with objects: give the object as an argument, or compare a property of"
        " it, `owner.name == 'Ada'`",
    ),
    (
        r"The keypath following 'IN' must contain a list",
        "IN asks a list or collection on its right side; one value is compared by `==`",
    ),
    (
        r"The keypath following '(ANY|ALL|NONE)' must contain a list",
        "ANY, ALL and NONE are for collections; leave it out",
    ),
    (r"Cannot compare two constants", "one side is a property: are its name and the quotes right?"),
    (r"Cannot compare linklist", "an empty list is asked for by `friends.@count == 0`"),
    (
        r"Column has no fulltext index",
        "declare the property with realmsync.property(indexed='full-text')",
    ),
    (r"requires list with 2 elements", "write `BETWEEN {1, 5}`"),
)


def hint_for(error: QueryError, classes: Mapping[str, ClassSchema]) -> str:
    """How to mend it, or an empty text. `classes` of the realm, by name."""
    if isinstance(error, QuerySyntaxError):
        return _of_spelling(error.text, error.position)
    for pattern in (_NO_PROPERTY, _NOT_SORTED, _NO_BACKLINK):
        found = pattern.search(error.message)
        if found is not None:
            return _of_name(error.text, found["name"], classes.get(found["cls"]))
    for text, hint in _MESSAGES:
        if re.search(text, error.message):
            return hint
    return ""


def _of_spelling(text: str, position: int | None) -> str:
    quoted = re.sub(
        r"\"[^\"]*\"|'[^']*'", lambda m: m[0][0] + " " * (len(m[0]) - 2) + m[0][0], text
    )
    if len(re.findall(r"[\"']", quoted)) % 2:
        return "a text ends with the quote that it begins with; " + _ARGUMENTS
    begin, end = 0, len(quoted)
    if position is not None:
        begin, end = max(0, position - _PLACE), position + _PLACE
    near = quoted[begin:end]
    for pattern, hint in _SPELLINGS:
        if re.search(pattern, near):
            return hint
    return ""


def _of_name(text: str, name: str, cls: ClassSchema | None) -> str:
    if re.search(_CURLED, name):
        return _STRAIGHT
    if re.search(rf"(==|!=|<|>|=|with|contains|like)\s*(\[c\]\s*)?{re.escape(name)}\b", text, re.I):
        return f"a text stands in quotes, '{name}'; " + _ARGUMENTS
    if name in ("True", "False"):
        return f"write `{name.lower()}`"
    if name == "None":
        return "write `NULL`"
    if cls is None:
        return ""
    known = {p.name for p in cls.properties} | {p.persisted for p in cls.stored}
    meant = did_you_mean(name, sorted(known)).removeprefix(". ")
    return meant or f"'{cls.name}' has {', '.join(sorted(p.name for p in cls.properties))}"
