"""How names, constants and shapes of operands are understood (query-language.md sections 5 to 18),
where no recorded query shows it. The classes are those of tests/vectors/queries/dataset.json."""

from __future__ import annotations

from typing import Any

import pytest

from lab import Lab
from realmsync.errors import (
    InvalidQueryArgumentError,
    InvalidQueryError,
    QueryError,
    QueryLimitError,
    QuerySyntaxError,
)


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab()


def texts(lab: Lab, cases: dict[str, str]) -> None:
    """Each query prints as said, and its tree is one that evaluators rely on."""
    for query, text in cases.items():
        bound = lab.bind(query)
        assert (query, bound.text) == (query, text)
        assert (query, bound.unsoundness) == (query, "")


def refused(lab: Lab, query: str, *arguments: dict[str, Any], cls: str = "Person") -> QueryError:
    with pytest.raises(QueryError) as raised:
        lab.bind(query, cls, *arguments)
    return raised.value


def test_numbers_are_what_they_are_spelled(lab: Lab) -> None:  # 5.2
    texts(
        lab,
        {
            "age == 0x1F": "age == 31",
            "age == 017": "age == 15",
            "age == -017": "age == -15",
            "age == +12": "age == 12",
            "age == 99999999999999999999": "age == 9223372036854775807",
            "age == -99999999999999999999": "age == -9223372036854775808",
            "age == 0xffffffffffffffffff": "age == 9223372036854775807",
            "money == 12345678901234567890": "money == 9223372036854775807",
            "money == 12345678901234567890.0": "money == +123456789012345678900E-1",
            "money == 1.10": "money == 1.10",
            "score == 1e400": "score == inf",
            "score == 1e-400": "score == 0",
            "ratio == 0.1": "ratio == 0.100000001",
            "score == 1.1f": "score == 1.10000002",
        },
    )


def test_times_are_read_in_both_forms(lab: Lab) -> None:  # 5.3
    texts(
        lab,
        {
            "born == 1969-12-31@23:59:59:5": "born == T-1:-5",
            "born == 2000-02-30@00:00:00": "born == T951868800:0",
            "born == 2001-13-01@00:00:00": "born == T1009843200:0",
            "born == 2038-01-19@03:14:08": "born == T2147483648:0",
            "born == T010:0": "born == T8:0",
            "born == T0:-5": "born == T0:-5",
        },
    )
    for time in ("T-3:5", "T1:-1", "T1:1000000000", "2000-01-01@00:00:00:1000000000"):
        error = refused(lab, f"born == {time}")
        assert isinstance(error, QuerySyntaxError)
        assert (error.message, error.position) == ("Invalid timestamp format", 8)
    early = refused(lab, "born == 1899-12-31@00:00:00")
    assert isinstance(early, InvalidQueryError)
    assert early.message == "Conversion of dates before 1900 is not supported."


def test_constants_become_what_they_meet(lab: Lab) -> None:  # 5.4
    texts(
        lab,
        {
            'age == " 30abc"': "age == 30",
            'age == "0x1e"': "age == 0",
            'score == "1.5x"': "score == 1.5",
            'score == "inf"': "score == inf",
            'money == "1.50"': "money == 1.50",
            "age == 1.5": "age == 1.5",
            "age == 61 / 2.0": "age == 30",
            "age == 'a' + 1": "age == NULL",
            'photo == B64"QUI="': 'photo == binary("AB")',
            'name == B64"QUI="': 'name == "AB"',
            "val == inf": "val == inf",
            "age == nan": "age == nan",
            "name CONTAINS NULL": "name CONTAINS NULL",
        },
    )
    for query, message in {
        'age == "abc"': "Unsupported comparison between type 'int' and type 'string'",
        'money == "nan"': "Unsupported comparison between type 'decimal128' and type 'string'",
        "photo == 'abc'": "Unsupported comparison between type 'binary' and type 'string'",
        "oid == '64c236637a71e28b00000001'": "Unsupported comparison between type 'objectId' "
        "and type 'string'",
        "age == inf": "Infinity not supported for int",
        "active == inf": "Infinity not supported for bool",
        "val CONTAINS NULL": "Unsupported comparison operator 'contains' against type 'null', "
        "right side must be a string or binary type",
    }.items():
        error = refused(lab, query)
        assert isinstance(error, InvalidQueryError)
        assert error.message == message


def test_base64_is_judged_where_it_stands(lab: Lab) -> None:  # 18
    error = refused(lab, 'age == 1 AND name == B64"QQ="')
    assert isinstance(error, QuerySyntaxError)
    assert (error.message, error.position) == ("Invalid base64 value", 21)


def test_local_keys_mean_nothing(lab: Lab) -> None:  # 19.3 Q5
    for link in ("O17", "L3:17"):
        error = refused(lab, f"boss == {link}")
        assert isinstance(error, InvalidQueryError)
        assert link in error.message and error.position == 8


def test_obj_names_an_object_or_nothing(lab: Lab) -> None:  # 5.2
    texts(
        lab,
        {
            'boss == obj("class_Person", 7)': 'boss == obj("class_Person",7)',
            'boss == obj("Person", 12345)': "boss == NULL",
            'boss == obj("Person", "7")': "boss == NULL",
            'val == obj("Person", 12345)': "val == null",
            'boss IN {obj("Person", 7), obj("Person", 12345)}': 'boss == {obj("class_Person",7), '
            "NULL}",
        },
    )
    stays = lab.native.bind("Person", 'boss == obj("Person", 12345)', knows_objects=False)
    assert stays.text == 'boss == obj("class_Person",12345)'
    assert stays.select() == []
    assert refused(lab, 'boss == obj("Nobody", 1)').message == "Unknown object type 'Nobody'"
    other = refused(lab, 'boss == obj("Shop", "a")')
    assert isinstance(other, InvalidQueryArgumentError)
    assert other.message == (
        "The relationship 'boss' which links to type 'Person' cannot be compared to an argument "
        "of type 'Shop' with primary key '\"a\"'"
    )


def test_operators_of_whole_numbers_move_their_bound(lab: Lab) -> None:  # 9
    texts(
        lab,
        {
            "age >= 18": "age > 17",
            "age <= 18": "age < 19",
            "age >= 18.0": "age > 17",
            "age >= 17.5": "age >= 17.5",
            "18 >= age": "18 >= age",
            "boss.age >= 18": "boss.age >= 18",
            "age >= NULL": "age >= NULL",
            "age >= -9223372036854775808": "TRUEPREDICATE",
            "age <= 9223372036854775807 AND rank == 1": "rank == 1",
        },
    )


def test_one_letter_case_is_only_ignored_where_there_is_one(lab: Lab) -> None:  # 10.1
    texts(
        lab,
        {
            "age ==[c] 30": "age == 30",
            "name ==[c] NULL": "name == NULL",
            "boss ==[c] NULL": "boss == NULL",
            "val ==[c] 1": "val ==[c] 1",
            "name IN[c] {'ALICE'}": 'name IN {"ALICE"}',
            "val IN[c] {'ALICE', 'B'}": 'val ==[c] {"ALICE", "B"}',
            "boss.name ==[c] NULL": "boss.name ==[c] NULL",
        },
    )
    for query, operator in {
        "boss.age ==[c] 30": "=[c]",
        "age !=[c] rank": "!=[c]",
        "30 IN[c] nums": "in[c]",
    }.items():
        assert refused(lab, query).message == (
            f"Unsupported comparison operator '{operator}' against type 'int', "
            "right side must be a string or binary type"
        )


def test_lists_that_direct_properties_meet(lab: Lab) -> None:  # 10.3, 11.2
    texts(
        lab,
        {
            "age IN {30, 30, NULL}": "age IN {30, NULL}",
            "age == {1.5, 2.0, 'x', true}": "age IN {2}",
            "age IN {}": "age == {}",
            "age IN ALL {1}": "age == ALL {1}",
            "age != {42}": "age != {42}",
            "weight IN {6.5, NULL}": "(weight == 6.5 or weight == nan)",
            "score IN {5}": "FALSEPREDICATE",
            "money IN {5}": "money == 5",
            "active IN {true, 1}": "active == true",
            "name IN {1, true}": "FALSEPREDICATE",
            "val == {5}": "val == 5",
            "val IN {NULL}": "val == null",
            "boss == {obj('Person', 7), NULL}": 'boss == {obj("class_Person",7),NULL}',
            "ANY friends == obj('Person', 7)": 'friends == obj("class_Person",7)',
            "ALL friends == obj('Person', 7)": 'ALL friends == obj("class_Person",7)',
            "{1, 2} == nums": "{1, 2} == nums",
        },
    )
    assert lab.selects("weight IN {NULL}") == lab.selects("weight == NULL")


def test_sequences_and_single_values(lab: Lab) -> None:  # 11.2
    one_value = lab.selects("counts.a IN {1, 7}")
    assert one_value == lab.selects("counts.a == 1 OR counts.a == 7") != []
    assert lab.selects("nums IN {1, 2, 3}") == lab.selects("nums == {1, 2, 3}")
    assert lab.selects("attrs.@keys == {'color', 'ok'}") == []
    assert lab.selects("ANY val.n IN {1, 2}") == lab.selects("val.n == 1 OR val.n == 2")


def test_between_is_one_condition_or_two(lab: Lab) -> None:  # 10.2
    texts(
        lab,
        {
            "age BETWEEN {1, 2} AND rank == 1": "age between {1, 2} and rank == 1",
            "score BETWEEN {1, 2} AND rank == 1": "score >= 1 and score <= 2 and rank == 1",
            "score BETWEEN {1, 2} OR rank == 1": "(score >= 1 and score <= 2 or rank == 1)",
            "boss.age BETWEEN {1, 2}": "boss.age >= 1 and boss.age <= 2",
            "val.n BETWEEN {1, 2}": "val['n'] >= 1 and val['n'] <= 2",
            "ALL nums BETWEEN {1, 1}": "ALL nums >= 1 and ALL nums <= 1",
        },
    )
    for bounds in ("{1}", "{1, 2, 3}", "{}"):
        message = refused(lab, f"age BETWEEN {bounds}").message
        assert message == "Operator 'BETWEEN' requires list with 2 elements."
    for bounds in ("{1.5, 2}", "{1, NULL}", "{'a', 'b'}"):  # undefined in the reference
        assert isinstance(refused(lab, f"age BETWEEN {bounds}"), InvalidQueryError)
    assert refused(lab, "5 BETWEEN {1, 9}").message == "Cannot compare two constants"


def test_chains_come_out_in_the_order_of_the_reference(lab: Lab) -> None:  # 19.1
    a, b, c, d, e = (f"rank == {n}" for n in range(5))
    texts(
        lab,
        {
            f"{a} AND {b} AND {c} AND {d}": f"{d} and {c} and {a} and {b}",
            f"{a} AND ({b} AND {c})": f"{a} and {b} and {c}",
            f"({a} OR {b}) OR ({c} OR {d})": f"({a} or {b} or {c} or {d})",
            f"({a} OR {b} OR {c}) OR ({d} OR {e})": f"({c} or {d} or {e} or {a} or {b})",
            f"NOT ({a} OR {b} OR {c})": f"!((({a} or {b}) or {c}))",
            f"NOT ({a} OR ({b} OR {c}))": f"!(({a} or ({b} or {c})))",
            f"NOT ({a} AND {b} AND {c})": f"!({a} and {b} and {c})",
            f"{a} AND ({b} OR {c} OR {d}) AND {e}": f"{e} and {a} and ({d} or {b} or {c})",
            f"SUBQUERY(friends, $x, $x.{a} OR $x.{b} OR $x.{c}).@count > 0": "SUBQUERY(friends, "
            f"$x, (($x.{a} or $x.{b}) or $x.{c})).@count > 0",
        },
    )


def test_paths_lead_on_or_end(lab: Lab) -> None:  # 7
    for query, message in {
        "friends.nope == 1": "'Person' has no property 'nope'",
        "age.x == 1": "Property 'Person.age' has no property 'x'",
        "boss.pets.toys.x == 1": "Property 'Dog.toys' has no property 'x'",
        "uniq[0] == 1": "Property 'Person.uniq' does not support index 'FIRST'",
        "peers[0].name == 'a'": "[FIRST] not expected",
        "boss[2].name == 'a'": "[2] not expected",
        "nums[0][1] == 1": "Only Property of type 'any' can have nested collections",
        "friends.@values.name == 'a'": "@values only allowed on dictionaries",
        "name.length == 1": "Property 'Person.name' has no property 'length'",
        "nums.length == 1": "Property 'Person.nums' has no property 'length'",
        "@links[0].x == 1": "An ID must follow @links",
        "@links.Person.age == 1": "No property 'age' found in type 'Person' which links to type "
        "'Person'",
        "age.@size == 1": "Operation '@size' is not supported on property of type 'int'",
        "attrs.@keys.@count == 1": "Operation '@count' is not supported on property of type "
        "'string'",
        "nums.@type == 'int'": "Operation '@type' is not supported on property of type 'int'",
        "ALL boss.age == 1": "The keypath following 'ALL' must contain a list",
        "1 IN age": "The keypath following 'IN' must contain a list. Found 'age'",
    }.items():
        assert refused(lab, query).message == message
    texts(
        lab,
        {
            "friends[*].name == 'a'": 'friends.name == "a"',
            "ALL boss == NULL": "ALL boss == NULL",
            "1 IN nums[0]": "1 == nums[FIRST]",
            "'red' IN attrs.color": "\"red\" == attrs['color']",
            "3 IN tags.length": "3 == tags.length",
            "counts.@values == 1": "counts[*] == 1",
            "boss.@links.@count > 0": "boss.@links.@count > 0",
        },
    )


def test_keys_in_brackets_are_no_words(lab: Lab) -> None:
    """So that a key that somebody typed means the entry of that key, whatever it is."""
    for word in ("@keys", "@values", "@links.Person.boss"):
        key = {"t": "string", "v": word}
        assert lab.selects("attrs[$0] != NULL", "Person", key) == []
        assert lab.selects("contacts[$0].age > 0", "Person", key) == []
    everybody = lab.selects("contacts.boss.name != 'x'")
    assert everybody == lab.selects("contacts[*].boss.name != 'x'") != []
    assert lab.selects("contacts['boss'].name == 'Alice'") == []
    assert lab.selects("contacts['home'].name == 'Alice'") == lab.selects(
        "contacts.home.name == 'Alice'"
    )


def test_paths_have_a_limit(lab: Lab) -> None:
    assert lab.bind(".".join(["boss"] * 99) + ".age == 1").select() == []
    error = refused(lab, ".".join(["boss"] * 100) + ".age == 1")
    assert isinstance(error, QueryLimitError)


def test_aggregates_of_what_has_none(lab: Lab) -> None:  # 11.4
    for query, message in {
        "age.@max == 1": "Cannot use aggregate '.@max' for this type of property",
        "tags.@min == 'a'": "Cannot use aggregate '.@min' for this type of property",
        "times.@max > T0:0": "Cannot use aggregate '.@max' for this type of property",
        "friends.@sum.born == 1": "Cannot use aggregate '.@sum' for this type of property",
        "age.@avg.x == 1": "Operation '.@avg' cannot apply to property 'age' because it is not a "
        "list",
        "tags[0].@avg.x == 1": "Operation '.@avg' cannot apply to property 'tags' because it is "
        "not a list",
        "contacts.home.@sum == 1": "Cannot use aggregate '.@sum' for this type of property",
        "friends.@max.boss == 1": "collection aggregate not supported for type 'link'",
        "friends.@max.nope == 1": "'Person' has no property 'nope'",
    }.items():
        assert refused(lab, query).message == message
    texts(lab, {"friends.@max.born > T0:0": "friends.@max.born > T0:0"})


def test_subqueries_name_their_objects(lab: Lab) -> None:  # 14
    for query, message in {
        "SUBQUERY(friends, $x, SUBQUERY($x.friends, $x, $x.age > 1).@count > 0).@count > 0": (
            "Unable to create a subquery expression with variable '$x' since an identical variable "
            "already exists in this context"
        ),
        "SUBQUERY(peers, $x, $x.age > 1).@count > 0": "A subquery must operate on a list property, "
        "but 'peers' is type 'link'",
        "SUBQUERY(pets, $x, $x.owner.$y.name == 'a').@count > 0": "'Person' has no property '$y'",
    }.items():
        assert refused(lab, query).message == message
    assert isinstance(refused(lab, "SUBQUERY(pets, $x, $x == NULL).@count > 0"), InvalidQueryError)
    texts(
        lab,
        {
            "SUBQUERY(pets, $x, age > 1).@count > 0": "SUBQUERY(pets, $x, $x.age > 1).@count > 0",
            "SUBQUERY(@links.Dog.owner, $x, $x.age > 1).@size == 1": "SUBQUERY(@links.Dog.owner, "
            "$x, $x.age > 1).@count == 1",
        },
    )


def test_arguments_are_checked_by_what_they_meet(lab: Lab) -> None:  # 6
    link = {"t": "link", "class": "Person", "pk": {"t": "int", "v": 7}}
    some = {"t": "list", "v": [{"t": "int", "v": 1}]}
    for query, argument, message in [
        ("boss == $0", {"t": "int", "v": 1}, "Cannot compare argument $0 with value '1' to a link"),
        (
            "age == $0",
            link,
            "Cannot compare $0 which links to 'Person' with primary key '7' to a int",
        ),
        ("nums[$0] == 1", {"t": "bool", "v": True}, "Invalid index type"),
        (
            "age IN {$0}",
            some,
            "Request for scalar argument at index 0 but a list was provided",
        ),
        (
            "shop == obj('Shop', $0)",
            some,
            "Request for scalar argument at index 0 but a list was provided",
        ),
        (
            "age == ANY $0",
            {"t": "int", "v": 1},
            "ANY/ALL/NONE are only allowed on arguments which contain a list but '$0' is not a "
            "list.",
        ),
    ]:
        assert refused(lab, query, argument).message == message
    last = lab.selects("nums[$0] == 3", "Person", {"t": "int", "v": -1})
    assert last == lab.selects("nums[LAST] == 3") != []
    path = {"t": "string", "v": "boss.name"}
    assert lab.bind("$K0 == 'Alice'", "Person", path).text == 'boss.name == "Alice"'
    dotted = {"t": "string", "v": "@links.Dog.owner.name"}
    assert lab.bind("$K0 == 'rex'", "Person", dotted).text == '@links.Dog.owner.name == "rex"'


def test_places_are_points_in_regions(lab: Lab) -> None:  # 16
    number = {"t": "string", "v": "1"}
    circle = "location GEOWITHIN geoCircle([$0, 0], 1)"
    error = refused(lab, circle, number, cls="Dog")
    assert error.message == "Invalid parameter 'string' used in coordinate at argument '$0'"
    error = refused(lab, circle, {"t": "null"}, cls="Dog")
    assert error.message == "NULL cannot be used in coordinate at argument '$0'"
    error = refused(lab, "location GEOWITHIN $0", {"t": "string", "v": "here"}, cls="Dog")
    assert error.message.startswith("Invalid syntax in serialized geospatial object at argument 0")
    error = refused(lab, "location GEOWITHIN $0", {"t": "int", "v": 1}, cls="Dog")
    assert error.message == (
        "The right hand side of 'geoWithin' must be a geospatial constant value. But the provided "
        "type is 'int'"
    )


def test_names_of_an_application_are_replaced(lab: Lab) -> None:  # 7
    fans = [
        {"class": "Person", "property": "fans", "to": "@links.Person.boss"},
        {"class": "Person", "property": "first", "to": "second"},
        {"class": "Person", "property": "second", "to": "name"},
    ]
    bound = lab.native.bind("Person", "fans.first == 'a'", [], fans)
    assert bound.text == '@links.Person.boss.name == "a"'
    sorted_by = lab.native.bind("Person", "TRUEPREDICATE SORT(first ASC)", [], fans)
    assert sorted_by.text == "TRUEPREDICATE SORT(name ASC)"
    circle = [{"class": "One", "alias": "Two"}, {"class": "Two", "alias": "One"}]
    with pytest.raises(InvalidQueryError, match="Substitution loop detected"):
        lab.native.bind("Person", "@links.Two.boss.@count == 1", [], circle)


def test_sorts_in_a_row_are_one(lab: Lab) -> None:  # 15
    texts(
        lab,
        {
            "TRUEPREDICATE SORT(age ASC) SORT(name DESC)": "TRUEPREDICATE SORT(name DESC, age ASC)",
            "TRUEPREDICATE SORT(age ASC) LIMIT(1) SORT(name DESC)": "TRUEPREDICATE SORT(age ASC) "
            "LIMIT(1) SORT(name DESC)",
        },
    )


def test_a_subscription_is_read_as_it_was_meant(lab: Lab) -> None:  # 19.3
    def selected(text: str) -> list[Any]:
        return lab.keys(lab.native.bind("Person", text, is_subscription=True))

    assert selected("score < 1") == lab.selects("score < 1.0") != lab.selects("score < 1")  # Q12
    assert selected("(weight == 6.5 or weight == nan)") == lab.selects("weight IN {6.5, NULL}")
    assert selected("score == nan") == []  # Q13, where nothing can be null
    assert selected('boss == {obj("class_Person",7), obj("class_Person",2)}') == lab.selects(
        "boss IN {obj('Person', 7), obj('Person', 2)}"
    )  # Q14
    for text in ("age == $0", "TRUEPREDICATE SORT(age ASC)", "boss == L0:-1001", "boss == O1"):
        with pytest.raises(QueryError):
            lab.native.bind("Person", text, [{"t": "int", "v": 1}], is_subscription=True)


def test_faults_say_where(lab: Lab) -> None:
    for query, place in {
        "rank == 1 AND nope == 2": "nope",
        "rank == 1 AND boss.nope == 2": "nope",
        "rank == 1 AND name == 5": "== 5",
        "rank IN {1, $1}": "$1",
        "boss == obj('Nobody', 1)": "obj",
        "TRUEPREDICATE SORT(nope ASC)": "nope",
        "SUBQUERY(friends, $x, $x.nope == 1).@count > 0": "nope",
    }.items():
        assert refused(lab, query).position == query.index(place)
