"""Queries that are refused say how to mend them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import realmsync
from realmsync import QueryError, QuerySyntaxError, Realm

PERSON = {
    "name": "Person",
    "primaryKey": "_id",
    "properties": {
        "_id": "int",
        "name": "string?",
        "age": "int?",
        "active": "bool",
        "born": "date?",
        "photo": "data?",
        "token": "objectId?",
        "tags": "string[]",
        "friends": "Person[]",
        "boss": "Person",
        "city": {"type": "string", "mapTo": "town"},
    },
}


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Realm]:
    with Realm(path=tmp_path_factory.mktemp("hints") / "x.realm", schema=[PERSON]) as opened:
        yield opened


HINTS = [
    ("age =! 3", "did you mean `!=`?"),
    ("age === 3", "write `==`"),
    ("name ==[C] 'x'", "write `[c]`"),
    ("name CONTAINS [ c ] 'x'", "write `[c]`"),
    ("name == “Rex”", "straight quotes"),
    ("name is null", "write `== NULL`"),
    ("name IS NOT NULL", "write `!= NULL`"),
    ("name NOT IN {'a'}", "NOT stands before"),
    ("name not contains 'a'", "NOT stands before"),
    ("age IN (1, 2)", "lists stand in braces"),
    ("age IN [1, 2]", "lists stand in braces"),
    ("age BETWEEN 1 AND 5", "BETWEEN {1, 5}"),
    ("age > 3 ORDER BY age", "SORT(name ASC)"),
    ("age > 3 SORT(age)", "a direction"),
    ("age > 3 SORT age ASC", "SORT(name ASC)"),
    ("age > 3 LIMIT 5", "LIMIT(5)"),
    ("age > 3 DISTINCT name", "DISTINCT(name)"),
    ("SELECT name WHERE age > 3", "the condition alone"),
    ("token == oid('64c236637a71e28b00000001')", "no quotes"),
    ("age > 3 & age < 5", "`AND` or `&&`"),
    ("age > 3 | age < 5", "`OR` or `||`"),
    ("name == ?", "placeholders are `$0`"),
    ("name == :name", "placeholders are `$0`"),
    ("name == {name}", "placeholders are `$0`"),
    ("Not age == 3", "write `NOT`"),
    ("age In {1, 2}", "write `IN`"),
    ("All tags == 'x'", "upper or lower case"),
    ("friends.@Count == 0", "`friends.@count`"),
    ("friends@count == 0", "`friends.@count`"),
    ("age -1 == 3", "with blanks"),
    ("name ~ 'x.*'", "LIKE"),
    ("age % 2 == 0", "no remainder"),
    ("born > 2024-12-31", "2024-12-31@10:00:00"),
    ("name == 'it's'", "the quote that it begins with"),
    ("name == 'Rex", "the quote that it begins with"),
    ("nmae == 'Rex'", "Did you mean 'name'?"),
    ("boss.nmae == 'Rex'", "Did you mean 'name'?"),
    ("zzz == 1", "'Person' has _id, active, age,"),
    ("name == Rex", "a text stands in quotes, 'Rex'"),
    ("name BEGINSWITH[c] Rex", "a text stands in quotes, 'Rex'"),
    ("True == active", "write `true`"),
    ("None == boss", "write `NULL`"),
    ("TRUEPREDICATE SORT(nmae ASC)", "Did you mean 'name'?"),
    ("@links.Person.bos.age == 3", "Did you mean 'boss'?"),
    ("age > $0", "every `$n` needs an argument"),
    ("token == '64c236637a71e28b00000001'", "without quotes"),
    ("born > '2024-12-31'", "dates have no quotes"),
    ("active == 1", "`true` or `false`"),
    ("photo == 'x'", "binary('…')"),
    ("boss == 'Ada'", "links are compared with objects"),
    ("age IN 3", "IN asks a list"),
    ("ANY age == 3", "leave it out"),
    ("'age' == 3", "one side is a property"),
    ("friends == NULL", "`friends.@count == 0`"),
    ("name TEXT 'x'", "indexed='full-text'"),
    ("age BETWEEN {1}", "BETWEEN {1, 5}"),
    ("", "TRUEPREDICATE"),
    ("active", "`good == true`"),
    ("age > 3 AND NOT active", "`good == true`"),
    ("tags.@count", "`tags.@count > 0`"),
    ("active == True", "write `true`"),
    ("boss == None", "write `NULL`"),
    ("name == %@", "placeholders are `$0`"),
    ("name == $name", "placeholders are `$0`"),
    ("name STARTSWITH 'R'", "BEGINSWITH 'R'"),
    ("name.endswith('R')", "BEGINSWITH 'R'"),
    ("lower(name) == 'rex'", "`name ==[c] 'rex'`"),
    ("name ILIKE 'r*'", "LIKE[c]"),
    ("name LIKE r*", "a pattern stands in quotes"),
    ("name MATCHES 'R.*'", "patterns are"),
    ("len(tags) > 1", "`tags.@count > 1`"),
    ("tags.count > 1", "`tags.@count > 1`"),
    ("EXISTS tags", "`tags.@count > 0`"),
    ("AVG(friends.age) > 1", "`dogs.@avg.age > 3`"),
    ("tags[-1] == 'x'", "tags[LAST]"),
    ("tags == ['x']", "lists stand in braces"),
    ("3 < age < 9", "two comparisons need AND"),
    ("age > 3 -- old", "no comments"),
    ("name == \\'Rex\\'", "a backslash stays"),
    ("born > 2024-01-01T10:00:00Z", "2024-12-31@10:00:00"),
    ("SORT(age ASC)", "a condition comes first"),
    ("age > 3 SORT(-age)", "SORT(age DESC)"),
    ("age > 3 LIMIT(-1)", "not negative"),
    ("SUBQUERY(tags, $t, $t == 'x').@count > 0", "`ANY tags == 'good'`"),
    ("SUBQUERY(friends, $f, $f.age > 3)", "a number is compared"),
    ("@links.Persons.boss.age == 3", "Did you mean 'Person'?"),
    ("@links.Person.age.age == 3", "'Person.age' is no link"),
    ("boss GEOWITHIN geoBox([-10, 0], [20, 70])", "[-45.0, 1]"),
]


@pytest.mark.parametrize(("text", "hint"), HINTS, ids=[text for text, _ in HINTS])
def test_a_refused_query_says_how_to_mend_it(realm: Realm, text: str, hint: str) -> None:
    with pytest.raises(QueryError) as raised:
        len(realm.objects("Person").filtered(text))
    assert hint in raised.value.hint
    assert str(raised.value).startswith(raised.value.message)
    assert str(raised.value).endswith(f"\nHint: {raised.value.hint}")


def test_a_list_in_place_of_arguments_is_seen(realm: Realm) -> None:
    with pytest.raises(realmsync.InvalidQueryArgumentError) as raised:
        realm.objects("Person").filtered("age > $0 AND name == $1", [3, "x"])
    assert "one by one" in raised.value.hint


def test_the_place_of_a_fault_counts_characters(realm: Realm) -> None:
    text = "name == 'Žluťoučký' AND =! 3"
    with pytest.raises(QuerySyntaxError) as raised:
        realm.objects("Person").filtered(text)
    assert raised.value.position == text.index("=!")
    assert raised.value.text == text


def test_what_is_quoted_is_no_cause(realm: Realm) -> None:
    with pytest.raises(QuerySyntaxError) as raised:
        realm.objects("Person").filtered("name == 'a =! b' c")
    assert raised.value.hint == ""


@pytest.mark.parametrize("key", ["-age", "age DESC", "age desc"])
def test_keys_that_tell_their_direction_are_explained(realm: Realm, key: str) -> None:
    with pytest.raises(QueryError) as raised:
        realm.objects("Person").sorted(key)
    assert "sorted('age', reverse=True)" in raised.value.hint


def test_a_link_that_is_compared_with_a_key_is_explained(realm: Realm) -> None:
    with pytest.raises(realmsync.InvalidQueryArgumentError) as raised:
        realm.objects("Person").filtered("boss == $0", 1)
    assert "links are compared with objects" in raised.value.hint
