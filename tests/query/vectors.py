"""Runs recorded queries through the public API and says where they disagree.

    python tests/query/vectors.py [--dataset dataset.json] FILE.jsonl …

A file lies beside its dataset.json unless that is named. Every disagreement is printed, and at the
end how many queries agree; the exit status is 1 unless all do. The form of the files is described
in tests/vectors/README.md.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from realmsync import (
    InvalidQueryArgumentError,
    InvalidQueryError,
    QuerySyntaxError,
    Realm,
    RealmError,
)
from recorded_realm import RecordedRealm
from recorded_values import decode

Query = dict[str, Any]
KINDS: dict[str, type[RealmError]] = {  # others are any error
    "SyntaxError": QuerySyntaxError,
    "InvalidQuery": InvalidQueryError,
    "InvalidQueryArg": InvalidQueryArgumentError,
}


class Recorded:
    """The data set in a realm, of which recorded queries are asked."""

    def __init__(self, dataset: Path, folder: Path) -> None:
        self._recorded = RecordedRealm(json.loads(dataset.read_text()), folder)
        self._realm = self._recorded.open()

    def close(self) -> None:
        self._realm.close()

    def disagreements(self, query: Query) -> list[str]:
        """What comes out otherwise than recorded; empty when nothing does."""
        outcome = self._outcome(query)
        found = _differences(query, outcome, self._realm)
        if found and "quirk" in query and _is_sensible(query, outcome, self._ask):
            return []
        return found

    def _outcome(self, query: Query) -> Query:
        """As the query records its own; an error of another kind than ours agrees with none."""
        try:
            return self._ask(query)
        except Exception as error:
            return {"ok": False, "error": error}

    def _ask(self, query: Query) -> Query:
        results = self._realm.objects(query["class"]).filtered(
            query["query"],
            *(decode(a, self._find) for a in query.get("args", [])),
            mapping=_mapping(query),
        )
        keys = [self._recorded.key_of(found) for found in results]
        assert len(results) == len(keys)
        return {"ok": True, "pks": keys, "description": results.description}

    def _find(self, name: str, key: Any) -> Any:
        found = self._realm.object_for_primary_key(name, key)
        if found is None:
            raise LookupError(f"there is no {name} {key!r} to be an argument")
        return found


def _mapping(query: Query) -> dict[Any, str] | None:
    entries: dict[Any, str] = {}
    for entry in query.get("mapping", []):
        if "alias" in entry:
            entries[entry["alias"]] = entry["class"]
        else:
            entries[entry["class"], entry["property"]] = entry["to"]
    return entries or None


def _differences(query: Query, outcome: Query, realm: Realm) -> list[str]:
    if query["ok"] != outcome["ok"]:
        return [f"recorded {_said(query)}", f"got      {_said(outcome)}"]
    if not query["ok"]:
        return _different_errors(query, outcome["error"])
    found = []
    recorded, got = query["pks"], outcome["pks"]
    if not query.get("ordered"):
        recorded, got = sorted(recorded, key=repr), sorted(got, key=repr)
    if recorded != got:
        found += [f"recorded {query['pks']}", f"got      {outcome['pks']}"]
    texts = [query["description"], query.get("description_executed", query["description"])]
    got_text = outcome["description"]
    if query.get("description_unordered"):
        texts, got_text = [_sorted_members(t) for t in texts], _sorted_members(got_text)
    if got_text not in texts:
        found += [f"recorded {query['description']}", f"got      {outcome['description']}"]
    return found


def _different_errors(query: Query, error: Exception) -> list[str]:
    recorded = query["error"]
    kind, message = recorded["kind"], recorded["message"]
    agrees = isinstance(error, KINDS.get(kind, RealmError))
    if kind in KINDS:
        prefix = f"Invalid predicate: '{query['query']}': "
        if message.startswith(prefix):
            message = prefix
        agrees &= str(error).startswith(message)
    got = f"{type(error).__name__}: {getattr(error, 'message', error)}"
    return [] if agrees else [f"recorded {kind}: {recorded['message']}", f"got      {got}"]


def _said(outcome: Query) -> str:
    if outcome["ok"]:
        return f"{outcome['pks']}, {outcome['description']}"
    error = outcome["error"]
    if isinstance(error, Exception):
        return f"{type(error).__name__}: {getattr(error, 'message', error)}"
    return f"{error['kind']}: {error['message']}"


def _sorted_members(text: str) -> str:
    """With the members of every IN {…} in one order."""

    def ordered(match: re.Match[str]) -> str:
        members = re.findall(r'(?:"[^"]*"|[^,"])+', match[1])
        return "IN {" + ", ".join(sorted(m.strip() for m in members)) + "}"

    return re.sub(r'IN \{((?:"[^"]*"|[^}"])*)\}', ordered, text)


def _is_sensible(query: Query, outcome: Query, ask: Callable[[Query], Query]) -> bool:
    """Whether a query whose record is a defect of the reference gives what it should."""
    if not outcome["ok"]:
        return False
    return _SENSIBLE[query["quirk"]](query, outcome, ask)


def _same_objects(text: Callable[[str], str]) -> Callable[..., bool]:
    """The objects of another text, for which the reference has no defect."""

    def check(query: Query, outcome: Query, ask: Callable[[Query], Query]) -> bool:
        other = ask(query | {"query": text(query["query"])})
        return bool(other["pks"] == outcome["pks"])

    return check


def _selects_nothing(query: Query, outcome: Query, ask: Callable[[Query], Query]) -> bool:
    return not outcome["pks"]


def _is_complement(query: Query, outcome: Query, ask: Callable[[Query], Query]) -> bool:
    """NONE is what ANY is not; ALL and != of no keys at all are NONE of the opposite."""
    text = query["query"]
    opposite = {"==": "!=", "!=": "=="}
    if re.search(r"(?i)\ball\b", text):
        text = re.sub("==|!=", lambda m: opposite[m[0]], text)
    any_of = re.sub(r"(?i)\b(none|all)\b", "ANY", text)
    if any_of == query["query"]:  # no quantifier: one key that differs is needed
        counted = ask(query | {"query": f"({text}) AND {_collection(text)}.@count > 0"})
        return bool(counted["pks"] == outcome["pks"])
    return bool(ask(query | {"query": f"NOT ({any_of})"})["pks"] == outcome["pks"])


def _collection(text: str) -> str:
    found = re.search(r"([\w.]+)\.@keys", text)
    assert found is not None, text
    return found[1]


_SENSIBLE: dict[str, Callable[..., bool]] = {
    "in-unusable-list": _selects_nothing,
    "link-equals-list": _same_objects(lambda text: re.sub(r"==?", "IN", text, count=1)),
    "like-repeated-star": _same_objects(lambda text: re.sub(r"\*+", "*", text)),
    "date-32-bit": lambda query, outcome, ask: True,  # any instant but the truncated one
    "keys-of-empty": _is_complement,
    "none-on-key": _is_complement,
}


def read(file: Path) -> Iterator[Query]:
    """The queries of a file."""
    with file.open(encoding="utf-8") as lines:
        yield from map(json.loads, filter(str.strip, lines))


def run(files: list[Path], dataset: Path | None) -> int:
    """Prints disagreements and the count; the exit status."""
    agreed = total = 0
    for file in files:
        with tempfile.TemporaryDirectory() as folder:
            recorded = Recorded(dataset or file.parent / "dataset.json", Path(folder))
            try:
                for query in read(file):
                    found = recorded.disagreements(query)
                    total += 1
                    agreed += not found
                    if found:
                        arguments = f"  {query['args']}" if query.get("args") else ""
                        print(f"{query['id']} {query['class']}: {query['query']}{arguments}")
                        print(*(f"    {line}" for line in found), sep="\n")
            finally:
                recorded.close()
    print(f"{agreed}/{total} agree")
    return int(agreed < total)


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dataset", type=Path, help="default: dataset.json beside each file")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    options = parser.parse_args()
    return run(options.files, options.dataset)


if __name__ == "__main__":
    sys.exit(main())
