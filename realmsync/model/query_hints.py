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

_BACKWARDS = "write `SORT(age DESC)`, or sorted('age', reverse=True)"
_DATES = "dates are `2024-12-31@10:00:00`, in UTC; " + _ARGUMENTS

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
    (r"(?i)^\s*(sort|distinct|limit)\s*\(", "a condition comes first: `TRUEPREDICATE LIMIT(5)`"),
    (r"(?i)\bsort\s*\(\s*[-+]", _BACKWARDS),
    (r"(?i)\blimit\s*\(\s*-", "a limit is not negative"),
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
        r"(?i)\b(begins|starts|ends)\s+with\b|\b(starts|ends)_?with\b|\bbegins_with\b",
        "write `name BEGINSWITH 'R'`, `name ENDSWITH 'x'`",
    ),
    (
        r"(?i)\b(lower|upper|casefold)\s*\(",
        "write `name ==[c] 'rex'` to ignore the case of letters",
    ),
    (r"(?i)\bilike\b", "write `name LIKE[c] 'r*'`"),
    (r"(?i)\bexists\b", "whether there is an element is `tags.@count > 0`, a value `age != NULL`"),
    (r"(?i)\b(count|len|length|size)\s*\(", "how many is `tags.@count > 1`"),
    (r"(?i)\b(avg|sum|min|max)\s*\(", "of linked objects it is `dogs.@avg.age > 3`"),
    (r"(?i)@(min|max|sum|avg)\b", "the property stands last: `dogs.@avg.age > 3`"),
    (r"\w\[\s*-\s*\d", "positions count from the beginning; the last one is `tags[LAST]`"),
    (
        r"(?i)@(count|size|min|max|sum|avg|links|type|keys|values)",
        "a dot stands before it, and it is in lower case: `friends.@count`",
    ),
    (r"\?|%[@sd]|:[a-z]\w*|@[A-Z]\w*\b", "placeholders are `$0`, `$1`, …; " + _ARGUMENTS),
    (r"\$(?!\w)|\$\{|\{[a-z]\w*\}", "placeholders are `$0`, `$1`, …; " + _ARGUMENTS),
    (r"\bNot\b", "write `NOT` or `not`"),
    (r"\bIn\b", "write `IN` or `in`"),
    (
        r"\b(Any|All|None|Some)\b",
        "write `ANY`, `ALL`, `NONE` in upper or lower case; for no value `NULL`",
    ),
    (r"/\*|//|--|#", "there are no comments"),
    (r"(?i)\blike\s*(\[c\]\s*)?\w*[*?]", "a pattern stands in quotes: `LIKE 'r*'`"),
    (r"\w\s-\d", "`-1` is a number here: write `age - 1` with blanks"),
    (r"(?i)~|\bmatches\b|\bregexp?\b", "patterns are `LIKE 'a*b?'`"),
    (r"%", "there is no remainder"),
    (r"\d{4}-\d\d-\d\d|T\d\d:\d\d", _DATES),
    (
        r"[<>]=?\s*[\w.$]+\s*[<>]",
        "two comparisons need AND: `age > 3 AND age < 9`, or `age BETWEEN {4, 8}`",
    ),
    (r"[=<>]\s*\[", "lists stand in braces, `tags == {'a', 'b'}`, or are an argument"),
    (r"[\[,]\s*-", "negative coordinates have a point: `[-45.0, 1]`"),
    (r"\\", "a backslash stays what it is: " + _ARGUMENTS),
)

# Texts that end where an operator should stand.
_ENDS = (
    (
        r"(?i)(?:^|\(|\b(?:and|or|not|any|all|none)\b|&&|\|\||!)\s*"
        r"(?!(?:and|or|not|any|all|none)\b)[a-z_][\w.@\[\]]*\s*$",
        "a property is compared: `good == true`, `tags.@count > 0`, `age != NULL`",
    ),
    (
        r"(?i)\bsubquery\s*\(.*\)(\.@\w+)?\s*$",
        "a number is compared: `SUBQUERY(dogs, $d, $d.age > 3).@count > 0`",
    ),
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
    (r"has no property '(count|size|length)'", "how many is `tags.@count > 1`"),
    (
        r"subquery can not operate on a list of primitive values",
        "values are asked without it: `ANY tags == 'good'`",
    ),
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
        r"Unsupported comparison between '.*' and type|cannot be compared to an argument of type"
        r"|Cannot compare argument .* to a link$",
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
        if found is not None and found["cls"] not in classes and "." not in found["cls"]:
            return did_you_mean(found["cls"], classes).removeprefix(". ")
        if found is not None and found["cls"] in classes:
            return _of_name(error.text, found["name"], classes[found["cls"]])
    for text, hint in _MESSAGES:
        if re.search(text, error.message):
            return hint
    return ""


def _of_spelling(text: str, position: int | None) -> str:
    if text.strip() in ("", "*"):
        return "every object is `TRUEPREDICATE`"
    quoted = re.sub(
        r"\"[^\"]*\"|'[^']*'", lambda m: m[0][0] + " " * (len(m[0]) - 2) + m[0][0], text
    )
    if len(re.findall(r"[\"']", quoted)) % 2:
        return "a text ends with the quote that it begins with; " + _ARGUMENTS
    begin, end = 0, len(quoted)
    if position is not None:
        begin, end = max(0, position - _PLACE), position + _PLACE
    near = quoted[begin:end]
    for pattern, hint in _ENDS if position is not None and position >= len(text.rstrip()) else ():
        if re.search(pattern, quoted):
            return hint
    for pattern, hint in _SPELLINGS:
        if re.search(pattern, near):
            return hint
    return ""


def _of_name(text: str, name: str, cls: ClassSchema) -> str:
    if re.search(_CURLED, name):
        return _STRAIGHT
    if name in ("True", "False"):
        return f"write `{name.lower()}`"
    if name in ("None", "undefined", "Null"):
        return "write `NULL`"
    if name.startswith("$"):
        return "placeholders are `$0`, `$1`, …; " + _ARGUMENTS
    if re.search(r"(?i)\s(asc|desc|ascending|descending)$", name):
        return _BACKWARDS
    if re.search(rf"(==|!=|<|>|=|with|contains|like)\s*(\[c\]\s*)?{re.escape(name)}\b", text, re.I):
        return f"a text stands in quotes, '{name}'; " + _ARGUMENTS
    if any(name == p.name for p in cls.properties):
        return f"'{cls.name}.{name}' is no link to that class"
    known = {p.name for p in cls.properties} | {p.persisted for p in cls.stored}
    meant = did_you_mean(name, sorted(known)).removeprefix(". ")
    return meant or f"'{cls.name}' has {', '.join(sorted(p.name for p in cls.properties))}"
