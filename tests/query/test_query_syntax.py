"""Texts of queries and what the parser makes of them (query-language.md sections 2 to 4).

`parse_query` writes operators in front of their operands and the kind of each constant in front of
its spelling.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from realmsync._testbed import parse_query, parse_query_path, parse_query_region
from realmsync.errors import QueryError, QuerySyntaxError

QUERIES = Path(__file__).parent.parent / "vectors" / "queries" / "queries.jsonl"
RECORDED = [json.loads(line) for line in QUERIES.read_text().splitlines()]


def detail(text: str, **options: Any) -> str:
    """What is said of a text that is refused, behind the text itself."""
    with pytest.raises(QuerySyntaxError) as caught:
        parse_query(text, **options)
    beginning = f"Invalid predicate: '{text}': "
    assert caught.value.message.startswith(beginning)
    assert caught.value.position is not None
    assert 0 <= caught.value.position <= len(text)
    return caught.value.message.removeprefix(beginning)


@pytest.mark.parametrize("query", RECORDED, ids=lambda query: query["id"])
def test_recorded(query: dict[str, Any]) -> None:
    """Texts are refused when the reference refuses them, in the same words. The names of
    SUBQUERY's variables and values of constants are judged later."""
    error = query.get("error", {"kind": "", "message": ""})
    if error["kind"] == "SyntaxError" and error["message"].startswith("Invalid predicate"):
        with pytest.raises(QuerySyntaxError) as caught:
            parse_query(query["query"])
        assert caught.value.message == error["message"]
    else:
        assert parse_query(query["query"])


CONSEQUENCES = {  # 2.1
    "a-1 == 1": "(== a-1 natural:1)",
    "a - 1 == 1": "(== (- a natural:1) natural:1)",
    "NOTb == 1": "(== NOTb natural:1)",
    "NOT0=0": "(== NOT0 natural:0)",
    "andy == 1": "(== andy natural:1)",
    "not-1=1": "(== not-1 natural:1)",
    "$-1 = $0": "(== $-1 argument:0)",
    "$a == $": "(== $a $)",
    "a=1AND b=2": "(and (== a natural:1) (== b natural:2))",
    "a=1AND NOTb=2": "(and (== a natural:1) (== NOTb natural:2))",
    "T399 == T399:0": "(== T399 timestamp:T399:0)",
    "T2017-12-04 == 1": "(== T2017-12-04 natural:1)",
    "!b == 1": "(not (== b natural:1))",
    "a != 1": "(!= a natural:1)",
    "a == 010": "(== a natural:010)",
    "a == 09": "(== a natural:09)",
    "a == 5f": "(== a float:5f)",
    "a == 5.f": "(== a float:5.f)",
    "a == .5": "(== a float:.5)",
    "a == 5.": "(== a float:5.)",
    "a == 1e-05": "(== a float:1e-05)",
    "a == 1E5f": "(== a float:1E5f)",
    r'a == "a\nb"': r"(== a string:a\nb)",
    r"first\ name == 1": "(== first name natural:1)",
    r"a\tb\nc\rd == 1": "(== a\tb\nc\rd natural:1)",
    "a == T-1:-5": "(== a timestamp:T-1:-5)",
    "a == 2020-01-01T10:00:00": "(== a timestamp:2020-01-01T10:00:00)",
    "a == 2020-01-01@10:00:00": "(== a timestamp:2020-01-01@10:00:00)",
    "a == 2020-01-01@10:00:00:7": "(== a timestamp:2020-01-01@10:00:00:7)",
    "size == 1": "(== size natural:1)",
    "boss . name == 1": "(== boss.name natural:1)",
    "boss. name == 1": "(== boss.name natural:1)",
    "boss .name == 1": "(== boss.name natural:1)",
    "lists[010] == 1": "(== lists[8] natural:1)",
    "a IN {, 1}": "(in a {natural:1})",
}


@pytest.mark.parametrize("text", CONSEQUENCES)
def test_consequences_of_the_longest_match(text: str) -> None:
    assert parse_query(text) == CONSEQUENCES[text]


REFUSED_CONSEQUENCES = {
    "a -1 == 1": "syntax error, unexpected number",
    "1 -0 == a": "syntax error, unexpected number",
    "1-0 == a": "syntax error, unexpected number",
    "a ! = 1": "syntax error, unexpected !",
    'a == "a"b"': "syntax error, unexpected identifier, expecting end of file",
    "a == uuid( 3b241101-e2bb-4255-8caf-000000000001)": "syntax error, unexpected '(', "
    "expecting end of file",
    'a == oid("64c236637a71e28b00000001")': "syntax error, unexpected '(', expecting end of file",
    "lists[0x1] == 1": "syntax error, unexpected number",
    "lists[-1] == 1": "syntax error, unexpected number",
    "a == 1 LIMIT(0x2)": "syntax error, unexpected number, expecting natural0",
    "a == 1 LIMIT(-2)": "syntax error, unexpected number, expecting natural0",
    "a IN {1,}": "syntax error, unexpected '}'",
    "a IN {,}": "syntax error, unexpected '}'",
    "a IN {1,,2}": "syntax error, unexpected ','",
}


@pytest.mark.parametrize("text", REFUSED_CONSEQUENCES)
def test_what_the_longest_match_forbids(text: str) -> None:
    assert detail(text) == REFUSED_CONSEQUENCES[text]


@pytest.mark.parametrize(
    "word",
    ["obj", "any", "true", "geowithin", "null", "inf", "nan", "all", "none", "not", "and", "or"],
)
def test_words_that_are_no_names(word: str) -> None:
    detail(f"{word} == 1" if word not in ("true", "null", "inf", "nan") else f"{word}.a == 1")
    detail(f"a.{word} == 1")


def spellings(word: str) -> list[str]:
    return [word.lower(), word.upper(), word.capitalize(), word[:-1].lower() + word[-1].upper()]


ANY_CASE = {  # a text with the word as %s, and what it is where it is that word
    "and": ("a == 1 %s b == 2", "(and (== a natural:1) (== b natural:2))"),
    "or": ("a == 1 %s b == 2", "(or (== a natural:1) (== b natural:2))"),
    "beginswith": ("a %s 'x'", "(beginswith a string:x)"),
    "endswith": ("a %s 'x'", "(endswith a string:x)"),
    "contains": ("a %s 'x'", "(contains a string:x)"),
    "like": ("a %s 'x'", "(like a string:x)"),
    "text": ("a %s 'x'", "(text a string:x)"),
    "between": ("a %s {1, 2}", "(between a {natural:1, natural:2})"),
    "geowithin": ("a %s $0", "(geowithin a argument:0)"),
    "truepredicate": ("%s", "true"),
    "falsepredicate": ("%s", "false"),
    "sort": ("a == 1 %s(b ASC)", "(== a natural:1) sort(b asc)"),
    "distinct": ("a == 1 %s(b)", "(== a natural:1) distinct(b)"),
    "limit": ("a == 1 %s(3)", "(== a natural:1) limit(3)"),
    "asc": ("a == 1 SORT(b %s)", "(== a natural:1) sort(b asc)"),
    "ascending": ("a == 1 SORT(b %s)", "(== a natural:1) sort(b asc)"),
    "desc": ("a == 1 SORT(b %s)", "(== a natural:1) sort(b desc)"),
    "descending": ("a == 1 SORT(b %s)", "(== a natural:1) sort(b desc)"),
    "bin": ("a == %s('x')", "(== a binary:x)"),
    "binary": ("a == %s(B64'eA==')".replace("'", '"'), "(== a binary64:eA==)"),
    "obj": ("a == %s('C', 7)", "(== a obj:C/natural:7)"),
    "subquery": ("%s(a, $x, $x.b == 1).@count > 0",
                 "(> subquery(a, $x, (== $x.b natural:1)) natural:0)"),
    "geobox": ("a GEOWITHIN %s([0, 0.5], [1, 1])",
               "(geowithin a box({[natural:0, float:0.5], [natural:1, natural:1]}))"),
    "geopolygon": ("a GEOWITHIN %s({[0, 0], [1, 1]}, {[2, 2]})",
                   "(geowithin a polygon({[natural:0, natural:0], [natural:1, natural:1]}, "
                   "{[natural:2, natural:2]}))"),
    "geocircle": ("a GEOWITHIN %s([0, 0, 1.5], $1)",
                  "(geowithin a circle({[natural:0, natural:0, float:1.5]}, argument:1))"),
}  # fmt: skip


@pytest.mark.parametrize("word", ANY_CASE)
def test_words_of_any_case(word: str) -> None:
    text, meaning = ANY_CASE[word]
    for spelling in spellings(word):
        assert parse_query(text % spelling) == meaning


@pytest.mark.parametrize("word", ["inf", "infinity", "nan", "null", "nil"])
def test_constants_of_any_case(word: str) -> None:
    kind = {"infinity": "inf", "nil": "null"}.get(word, word)
    for spelling in spellings(word):
        assert parse_query(f"a == {spelling}") == f"(== a {kind}:{spelling})"


@pytest.mark.parametrize("word", ["inf", "infinity", "nan"])
@pytest.mark.parametrize("sign", "+-")
def test_signs_belong_to_infinity_and_nan(word: str, sign: str) -> None:
    kind = word[:3]
    for spelling in spellings(word):
        assert parse_query(f"a == {sign}{spelling}") == f"(== a {kind}:{sign}{spelling})"


ONE_CASE = {  # words that only all small or all capital letters make, and what another case is
    "in": ("a %s b", "(in a b)"),
    "not": ("%s (a == 1)", "(not <(== a natural:1)>)"),
    "any": ("%s a == 1", "(== any a natural:1)"),
    "some": ("%s a == 1", "(== any a natural:1)"),
    "all": ("%s a == 1", "(== all a natural:1)"),
    "none": ("%s a == 1", "(== none a natural:1)"),
    "first": ("a[%s] == 1", "(== a[first] natural:1)"),
    "last": ("a[%s] == 1", "(== a[last] natural:1)"),
    "true": ("a == %s", "(== a true:%s)"),
    "false": ("a == %s", "(== a false:%s)"),
}


@pytest.mark.parametrize("word", ONE_CASE)
def test_words_of_one_case(word: str) -> None:
    text, meaning = ONE_CASE[word]
    for spelling in (word, word.upper()):
        assert parse_query(text % spelling) == meaning.replace("%s", spelling)
    mixed = word.capitalize()
    if word in ("true", "false"):
        assert parse_query(text % mixed) == f"(== a {mixed})"  # a property
    else:
        detail(text % mixed)
    assert parse_query(f"{mixed} == 1") == f"(== {mixed} natural:1)"


def test_sizes() -> None:
    for word in ("size", "SIZE"):
        assert parse_query(f"a[{word}] == 1") == f"(== a.{word} natural:1)"
    for word in ("@size", "@count", "@type"):
        assert parse_query(f"a.{word} == 1") == f"(== a.{word} natural:1)"
        detail(f"a.{word.upper()} == 1")
        detail(f"a[{word}] == 1")
        detail(f"a.{word}.b == 1")
        detail(f"a.{word}[0] == 1")
    detail("a[Size] == 1")
    detail("a[size].b == 1")


NAMES = [
    "@links",
    "@keys",
    "@values",
    "beginswith",
    "ENDSWITH",
    "contains",
    "like",
    "between",
    "sort",
    "distinct",
    "limit",
    "asc",
    "descending",
    "in",
    "IN",
    "text",
    "binary",
    "bin",
    "first",
    "LAST",
    "size",
    "SIZE",
]


@pytest.mark.parametrize("name", NAMES)
def test_keywords_as_names(name: str) -> None:
    assert parse_query(f"{name} == 1") == f"(== {name} natural:1)"
    assert parse_query(f"a.{name}.b == c.{name}") == f"(== a.{name}.b c.{name})"
    assert parse_query(f"{name} {name} {name}" if name in ("in", "IN") else f"{name} in {name}")
    assert parse_query(f"x > 1 SORT({name} asc, {name} desc) DISTINCT({name}, a.{name})")
    assert parse_query(f"a.@max.{name} == 1") == f"(== a.@max.{name} natural:1)"
    assert parse_query(f"ANY {name}.@count == 1") == f"(== any {name}.@count natural:1)"


def test_keywords_as_names_beside_themselves() -> None:
    assert parse_query("in in 'in'") == "(in in string:in)"
    assert parse_query("contains contains 'contains'") == "(contains contains string:contains)"
    assert parse_query("text text text") == "(text text text)"
    assert parse_query("between between {1, 2}") == "(between between {natural:1, natural:2})"
    assert parse_query("like like[c] like") == "(like[c] like like)"
    assert parse_query("sort > 0 SORT(sort DESC)") == "(> sort natural:0) sort(sort desc)"
    assert parse_query("binary == binary('x')") == "(== binary binary:x)"
    assert parse_query("asc == 1 SORT(asc asc)") == "(== asc natural:1) sort(asc asc)"
    assert parse_query("a == limit LIMIT(1)") == "(== a limit) limit(1)"


@pytest.mark.parametrize(
    "name", ["a", "_", "a_b", "Äpfel", "名前", "a9", "a$b", "😀", "x-y-z", "é-1$"]
)
def test_names(name: str) -> None:
    assert parse_query(f"{name} == {name}.{name}") == f"(== {name} {name}.{name})"


LITERALS = {
    "12": "natural:12", "-12": "number:-12", "+12": "number:+12", "0x1F": "number:0x1F",
    "0XaB": "number:0XaB", "017": "natural:017", "00": "natural:00",
    "99999999999999999999": "natural:99999999999999999999",
    "-99999999999999999999": "number:-99999999999999999999",
    "1.5f": "float:1.5f", "1.5": "float:1.5", "1e3": "float:1e3", "-1e3": "float:-1e3",
    "-.5e-3f": "float:-.5e-3f", "+5.": "float:+5.", "1.e3": "float:1.e3", "-1f": "float:-1f",
    "+1234567890123456789012345678901234E+0": "float:+1234567890123456789012345678901234E+0",
    "'it'": "string:it", '"it\'s"': "string:it's", "''": "string:",
    '"\u00e4\n;--"': "string:ä\n;--",
    'B64"YQ=="': "base64:YQ==", 'B64""': "base64:",
    "binary('a')": "binary:a", "bin(\"a\")": "binary:a", 'bin(B64"YQ==")': "binary64:YQ==",
    "binary ( 'a' )": "binary:a",
    "T1:2": "timestamp:T1:2", "T-01:-0": "timestamp:T-01:-0", "T+1:+2": "timestamp:T+1:+2",
    "1-2-3@4:5:6": "timestamp:1-2-3@4:5:6",
    "00001-2-3T4:5:6:00007": "timestamp:00001-2-3T4:5:6:00007",
    "oid(64c236637a71e28b00000001)": "oid:64c236637a71e28b00000001",
    "oid(64C236637A71E28B00000001)": "oid:64C236637A71E28B00000001",
    "uuid(3b241101-e2bb-4255-8caf-00000000000F)": "uuid:3b241101-e2bb-4255-8caf-00000000000F",
    "O17": "local:O17", "L3:17": "link:L3:17",
    "obj('C', 'k')": "obj:C/string:k", "obj('C', -1)": "obj:C/number:-1",
    "obj('C', $1)": "obj:C/argument:1",
    "obj('C', oid(64c236637a71e28b00000001))": "obj:C/oid:64c236637a71e28b00000001",
    "$0": "argument:0", "$010": "argument:10", "ANY $0": "any argument:0",
    "{}": "{}", "{1}": "{natural:1}",
    "ALL {1, 'a', NULL, $2, ANY $3}":
        "all {natural:1, string:a, null:NULL, argument:2, any argument:3}",
}  # fmt: skip


@pytest.mark.parametrize("text", LITERALS)
def test_literals(text: str) -> None:
    """On both sides, in a list, and with what follows at once."""
    meaning = LITERALS[text]
    assert parse_query(f"a == {text}") == f"(== a {meaning})"
    assert parse_query(f"{text}==a") == f"(== {meaning} a)"
    assert parse_query(f"(a=={text})") == f"<(== a {meaning})>"
    if not text.endswith("}"):
        assert parse_query(f"a IN {{{text}}}") == f"(in a {{{meaning}}})"


NEARLY = {  # what a literal nearly was, and what its beginning is then
    "0x": "unexpected identifier", "0xg": "unexpected identifier", "5F": "unexpected identifier",
    "1e": "unexpected identifier", "1e+": "unexpected identifier", "1x": "unexpected identifier",
    "T1:": "invalid character: :", "T1.5:0": "unexpected float", "t1:2": "invalid character: :",
    "L1:": "invalid character: :", "L1:-2": "invalid character: :",
    "2020-01-01": "unexpected number",
    "2020-01-01 10:00:00": "unexpected number", "2020-01-01t10:00:00": "unexpected number",
    "2020-01-01@10:00": "unexpected number", "2020--01-01@10:00:00": "unexpected number",
    "UUID(3b241101-e2bb-4255-8caf-000000000001)": "unexpected '('",
    "uuid(3b241101-e2bb-4255-8caf-00000000000)": "unexpected '('",
    "uuid(3b241101e2bb42558caf000000000001)": "unexpected '('",
    "uuid(3b241101-e2bb-4255-8caf-00000000000g)": "unexpected '('",
    "OID(64c236637a71e28b00000001)": "unexpected '('",
    "oid(64c236637a71e28b000000011)": "unexpected '('",
    'B64"a b"': "unexpected string", 'b64"YQ=="': "unexpected string",
    "B64'YQ=='": "unexpected string", 'B64 "YQ=="': "unexpected string",
    'B64"YQ==': 'invalid character: "',
    "'abc": "invalid character: '",
    '"abc': 'invalid character: "', "'abc\\'": "invalid character: '",
    r"'a\x41'": "invalid character: '", r"'\u12g4'": "invalid character: '",
    "binary('a', 'b')": "unexpected ','", "bin 'a'": "unexpected string",
    "obj('C')": "unexpected ')'", "obj('C', 1.5)": "unexpected float",
    "obj('C', NULL)": "unexpected null", "obj('C', B64\"YQ==\")": "unexpected base64",
    "obj(C, 1)": "unexpected identifier", "{1 2}": "unexpected natural0",
    "{a}": "unexpected identifier",
    "{{1}}": "unexpected '{'", "{1": "unexpected end of file", "ANY 1": "unexpected natural0",
    "ANY ANY $0": "unexpected any", "$K0.": "unexpected end of file", "+ 1": "unexpected '+'",
    "- a": "unexpected '-'", "--1": "unexpected '-'", "1 2": "unexpected natural0",
}  # fmt: skip


@pytest.mark.parametrize("text", NEARLY)
def test_what_is_nearly_a_literal(text: str) -> None:
    said = detail(f"a == {text}").removeprefix("syntax error, ")
    assert said.split(", expecting")[0] == NEARLY[text]


def test_escapes() -> None:
    for escape in (r"\"", r"\'", r"\/", r"\b", r"\f", r"\n", r"\r", r"\t", r"\0", r"\\", r"\u00fF"):
        assert parse_query(f"a == '{escape}'") == f"(== a string:{escape})"
        assert parse_query(f'a == "x{escape}y"') == f"(== a string:x{escape}y)"


MEANINGS = {
    # Precedence and associativity (3.1).
    "a==1 OR b==2 AND c==3 OR d==4":
        "(or (== a natural:1) (and (== b natural:2) (== c natural:3)) (== d natural:4))",
    "a==1 AND b==2 OR c==3 AND d==4":
        "(or (and (== a natural:1) (== b natural:2)) (and (== c natural:3) (== d natural:4)))",
    "NOT a == 1 AND b == 2": "(and (not (== a natural:1)) (== b natural:2))",
    "NOT (a == 1 AND b == 2)": "(not <(and (== a natural:1) (== b natural:2))>)",
    "!!NOT not a == 1": "(not (not (not (not (== a natural:1)))))",
    "a==1 && (b==2 && c==3)": "(and (== a natural:1) <(and (== b natural:2) (== c natural:3))>)",
    "((a == 1))": "<(== a natural:1)>",
    "a + b * c - d == 1": "(== (- (+ a (* b c)) d) natural:1)",
    "a - b - c == d / e / f": "(== (- (- a b) c) (/ (/ d e) f))",
    "(a + b) * c == (d)": "(== (* (+ a b) c) d)",
    "((a + 1)) == 2": "(== (+ a natural:1) natural:2)",
    "((a + 1) == 2)": "<(== (+ a natural:1) natural:2)>",
    "(((a) + (1)) * 2 == 2 OR TRUEPREDICATE)":
        "<(or (== (* (+ a natural:1) natural:2) natural:2) true)>",
    "NOT (a + 1) == 2": "(not (== (+ a natural:1) natural:2))",
    "(a) == 1 AND (b + 1) * 2 > c": "(and (== a natural:1) (> (* (+ b natural:1) natural:2) c))",
    "(1 + a) IN {1} AND NOT (FALSEPREDICATE)":
        "(and (in (+ natural:1 a) {natural:1}) (not <false>))",
    # Operators.
    "a = 1": "(== a natural:1)",
    "a <> 1": "(!= a natural:1)",
    "a => 1": "(>= a natural:1)",
    "a =< 1": "(<= a natural:1)",
    "a<=1": "(<= a natural:1)",
    "a>=b.c": "(>= a b.c)",
    "a ==[c] 'x'": "(==[c] a string:x)",
    "a !=[c] 'x'": "(!=[c] a string:x)",
    "a IN[c] {'x'}": "(in[c] a {string:x})",
    "a BEGINSWITH[c] 'x'": "(beginswith[c] a string:x)",
    "'x' endswith [c] a": "(endswith[c] string:x a)",
    "{1, 2} IN nums": "(in {natural:1, natural:2} nums)",
    "a BETWEEN ANY {1, 2}": "(between a any {natural:1, natural:2})",
    "a.@count BETWEEN {1, 2}": "(between a.@count {natural:1, natural:2})",
    "1 == 1": "(== natural:1 natural:1)",
    # Paths.
    "a[0][FIRST].b['k'][\"l\"][*][$3][LAST] == 1":
        "(== a[0][first].b['k']['l'][*][$3][last] natural:1)",
    "a [ 0 ] . b == 1": "(== a[0].b natural:1)",
    "$K0 == $1": "(== [$0] argument:1)",
    "ANY $K1.@count == 1": "(== any [$1].@count natural:1)",
    "@links.Person.boss.@count > 0": "(> @links.Person.boss.@count natural:0)",
    "a.@avg > a.@sum.b": "(> a.@avg a.@sum.b)",
    "a.@keys == 'k'": "(== a.@keys string:k)",
    "d[' \\\\ ]'] == 1": "(== d[' \\\\ ]'] natural:1)",
    # Subqueries.
    "SUBQUERY(a.b, $x, $x.c == 1 AND SUBQUERY($x.d, $y, TRUEPREDICATE).@size == 0).@count + 1 > 2":
        "(> (+ subquery(a.b, $x, (and (== $x.c natural:1) "
        "(== subquery($x.d, $y, true) natural:0))) natural:1) natural:2)",
    # Clauses, in any order and number.
    "TRUEPREDICATE SORT(a.b ASC, c DESC) LIMIT(010) DISTINCT(a, d['k']) SORT(e ASC) LIMIT(0)":
        "true sort(a.b asc, c desc) limit(8) distinct(a, d['k']) sort(e asc) limit(0)",
    "a == 1SORT(b asc)LIMIT(1)": "(== a natural:1) sort(b asc) limit(1)",
    # Regions.
    "ANY a.b GEOWITHIN $0": "(geowithin any a.b argument:0)",
    "a geoWithin geoPolygon({[0, 1], [1e-05, -1.0], [$0, 1.], [0, 1]})":
        "(geowithin a polygon({[natural:0, natural:1], [float:1e-05, float:-1.0], "
        "[argument:0, float:1.], [natural:0, natural:1]}))",
}  # fmt: skip


@pytest.mark.parametrize("text", MEANINGS)
def test_meanings(text: str) -> None:
    assert parse_query(text) == MEANINGS[text]


def test_blanks() -> None:
    text = "NOT a.b[0] ==[c] 'x' AND c IN {1, 2} SORT(d ASC)"
    for blank in ("  ", "\t", "\r\n", " \n\t "):
        assert parse_query(text.replace(" ", blank)) == parse_query(text)
    assert parse_query(f" \r\n\t{text}\n") == parse_query(text)
    assert detail("a\f== 1") == "invalid character: \f"
    assert detail("a == 1 -- b") == "syntax error, unexpected '-'"


REFUSED = {
    "": "syntax error, unexpected end of file",
    " \n": "syntax error, unexpected end of file",
    "a": "syntax error, unexpected end of file",
    "a ==": "syntax error, unexpected end of file",
    "== 1": "syntax error, unexpected ==",
    "a == == 1": "syntax error, unexpected ==",
    "a == b == c": "syntax error, unexpected ==, expecting end of file",
    "a & b": "invalid character: &",
    "a == 1 & b == 2": "invalid character: &",
    "a == 1 | b == 2": "invalid character: |",
    "a == 1 AND": "syntax error, unexpected end of file",
    "a == 1 AND OR b == 2": "syntax error, unexpected ||",
    "(a == 1": "syntax error, unexpected end of file, expecting && or || or ')'",
    "(a == 1 b": "syntax error, unexpected identifier, expecting && or || or ')'",
    "a == 1)": "syntax error, unexpected ')', expecting end of file",
    "(a": "syntax error, unexpected end of file",
    "(a) AND (b)": "syntax error, unexpected &&",
    "(a + 1": "syntax error, unexpected end of file",
    "a == (1": "syntax error, unexpected end of file",
    "()": "syntax error, unexpected ')'",
    "(a) CONTAINS 'x'": "syntax error, unexpected contains",
    "a + b CONTAINS 'x'": "syntax error, unexpected contains",
    "a CONTAINS ('x')": "syntax error, unexpected '('",
    "a CONTAINS 'x' + 'y'": "syntax error, unexpected '+', expecting end of file",
    "a CONTAINS[d] 'x'": "syntax error, unexpected '['",
    "a CONTAINS[C] 'x'": "syntax error, unexpected '['",
    "a CONTAINS[ c] 'x'": "syntax error, unexpected '['",
    "a >[c] 'x'": "syntax error, unexpected [c]",
    "a BETWEEN 1": "syntax error, unexpected natural0, expecting any or all or none or '{'",
    "a BETWEEN ANY 1": "syntax error, unexpected natural0, expecting '{'",
    "a BETWEEN (1, 2)": "syntax error, unexpected '(', expecting any or all or none or '{'",
    "a % 2 == 1": "invalid character: %",
    "(a == 1 LIMIT(1))": "syntax error, unexpected limit, expecting && or || or ')'",
    "a == 1 SORT(b)":
        "syntax error, unexpected ')', expecting ascending or descending or '.' or '['",
    "a == 1 SORT()": "syntax error, unexpected ')'",
    "a == 1 SORT(b.@count ASC)": "syntax error, unexpected @size",
    "a == 1 SORT(b[SIZE] ASC)": "syntax error, unexpected size",
    "a == 1 DISTINCT()": "syntax error, unexpected ')'",
    "a == 1 DISTINCT(b ASC)":
        "syntax error, unexpected ascending, expecting ')' or ',' or '.' or '['",
    "a == 1 LIMIT()": "syntax error, unexpected ')', expecting natural0",
    "a == 1 LIMIT(1": "syntax error, unexpected end of file, expecting ')'",
    "SORT(a ASC)": "syntax error, unexpected '('",
    "SUBQUERY(a, $x).@count > 0": "syntax error, unexpected ')', expecting ','",
    "SUBQUERY(a, $x, $x.b).@count > 0": "syntax error, unexpected ')'",
    "SUBQUERY(a, $0, $0.b == 1).@count > 0": "syntax error, unexpected argument",
    "SUBQUERY(a, $x, $x.b == 1).@sum > 0": "syntax error, unexpected @sum, expecting @size",
    "SUBQUERY(a.@count, $x, $x.b == 1).@count > 0": "syntax error, unexpected @size",
    "a.b. == 1": "syntax error, unexpected ==",
    "a..b == 1": "syntax error, unexpected '.'",
    ".a == 1": "syntax error, unexpected '.'",
    "a[] == 1": "syntax error, unexpected ']'",
    "a[0 == 1": "syntax error, unexpected ==, expecting ']'",
    "a[b] == 1": "syntax error, unexpected identifier",
    "a.@foo == 1": "invalid character: @",
    "a.@max.b.c == 1": "syntax error, unexpected '.'",
    "a.@max[0] == 1": "syntax error, unexpected '['",
    "a GEOWITHIN geoCircle([0, 0], -1)":
        "syntax error, unexpected number, expecting natural0 or float or argument",
    "a GEOWITHIN geoCircle([-45, 0], 1)":
        "syntax error, unexpected number, expecting natural0 or float or argument",
    "a GEOWITHIN geoCircle([0, 0, 5], 1)": "syntax error, unexpected natural0, expecting float",
    "a GEOWITHIN geoCircle([0], 1)": "syntax error, unexpected ']', expecting ','",
    "a GEOWITHIN geoPolygon({})": "syntax error, unexpected '}', expecting '['",
    "a GEOWITHIN geoBox([0, 0], [1, 1], [2, 2])": "syntax error, unexpected ',', expecting ')'",
    "1 GEOWITHIN $0": "syntax error, unexpected geowithin",
    "a.@max GEOWITHIN $0": "syntax error, unexpected geowithin",
    "a GEOWITHIN ANY $0":
        "syntax error, unexpected any, expecting geobox or geopolygon or geocircle or argument",
    "a FULLTEXT 'x'": "syntax error, unexpected identifier",
    "a == 1 VIEW { 3 element(s) }": "syntax error, unexpected identifier, expecting end of file",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text: str) -> None:
    assert detail(text) == REFUSED[text]


def test_the_first_fault_counts() -> None:
    """Whether it is a character or a word: `position` tells where it is, in characters."""
    for text, position in {"a == == #": 5, "a == # ==": 5, "ä == '😀' ü": 9, "a ==": 4}.items():
        with pytest.raises(QuerySyntaxError) as caught:
            parse_query(text)
        assert caught.value.position == position


def test_texts_that_are_none() -> None:
    for text, position in ((b"a == '\0'", 6), (b"\0", 0), (b"a == '\xff'", 6), (b"\xc3 == 1", 0)):
        with pytest.raises(QuerySyntaxError) as caught:
            parse_query(text)
        assert caught.value.position == position
        assert caught.value.message.startswith("Invalid predicate: ")


def test_a_long_text_is_not_repeated() -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        parse_query("ö" * 100_000 + " == ")
    assert len(caught.value.message) < 3000
    assert "…': syntax error, unexpected end of file" in caught.value.message


SERIALISED = {  # 19.3
    "a GEOWITHIN GeoPolygon({[-45, 1], [1e-05, -1], [0.5, 0], [-45, 1]})":  # Q4
        "(geowithin a polygon({[number:-45, natural:1], [float:1e-05, number:-1], "
        "[float:0.5, natural:0], [number:-45, natural:1]}))",
    "a GEOWITHIN GeoCircle([-45, 1, 5], 1e-05)":
        "(geowithin a circle({[number:-45, natural:1, natural:5]}, float:1e-05))",
    "a GEOWITHIN GeoCircle([-45, 1, -5], 1)":
        "(geowithin a circle({[number:-45, natural:1, number:-5]}, natural:1))",
    'a == obj("class_X",B64"YQ==")': "(== a obj:class_X/base64:YQ==)",  # Q16
    'a == obj("class_X",null)': "(== a obj:class_X/null:null)",
    'a == {obj("class_X",1),obj("class_X",NULL)}':
        "(== a {obj:class_X/natural:1, obj:class_X/null:NULL})",
    "a == L0:-1001": "(== a link:L0:-1001)",
    "(weight == 6.5 or weight == nan or weight == -nan)":  # Q6, Q13
        "<(or (== weight float:6.5) (== weight nan:nan) (== weight nan:-nan))>",
    "!(TRUEPREDICATE)": "(not <true>)",
}  # fmt: skip


@pytest.mark.parametrize("text", SERIALISED)
def test_what_serialisers_write(text: str) -> None:
    assert parse_query(text, is_subscription=True) == SERIALISED[text]


def test_descriptions_are_read_back() -> None:
    """What the reference sends to servers is read where it can read it itself, and where it only
    could not because of Q4 and Q16."""
    for query in filter(lambda query: query["ok"], RECORDED):
        text = query["description"]
        if query["round_trip"] != "error" or " Geo" in text or "obj(" in text:
            assert parse_query(text, is_subscription=True)
            assert parse_query(query.get("description_executed") or text, is_subscription=True)


def test_serialisers_get_no_other_freedom() -> None:
    for text in NEARLY.keys() - {"obj('C', NULL)", "obj('C', B64\"YQ==\")", "L1:-2"}:
        with pytest.raises(QueryError):
            parse_query(f"a == {text}", is_subscription=True)


def test_regions_alone() -> None:
    box = "box({[natural:0, natural:0], [natural:1, natural:1]})"
    assert parse_query_region("geoBox([0, 0], [1, 1])") == box
    for text in ("", "[0, 0]", "geoBox([0, 0], [1, 1]) x", "geoBox([0, 0], [1, 1]", "a == 1"):
        with pytest.raises(QuerySyntaxError):
            parse_query_region(text)


def test_paths_alone() -> None:
    assert parse_query_path("a.b[0]['k'] . sort") == "a.b[0]['k'].sort"
    for text in ("", "1", "a.", "a b", "a.@count", "a[SIZE]", "a == 1"):
        with pytest.raises(QuerySyntaxError):
            parse_query_path(text)
