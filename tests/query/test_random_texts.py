"""Random texts of queries: whatever is typed ends in a query or in a fault with a place, as in the
naive parser, and what is spelled otherwise means the same."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from query.naive import lexer, parser
from query.naive.errors import Refused
from query.recorded_queries import recorded
from realmsync._testbed import parse_query, query_words
from realmsync.errors import QueryError

TEXTS = [query["query"] for query in recorded()]
GOOD = [query["query"] for query in recorded() if query["ok"]]
WORDS = (
    'a b a-1 T O L B64 B64" uuid( oid( 3b241101-e2bb-4255-8caf-000000000001) ) ( [ ] [c] { } , . = '
    "== != <> < > <= =< => >= & && | || ! not NOT Not and or in In any ALL none contains like "
    "between TEXT geowithin geobox truepredicate sort distinct limit asc desc bin obj subquery "
    "@size @count @max @links @type @keys @ first LAST size true inf nan null + - * / 0 12 0x 0X1f "
    "1.5 .5 5. e5 f : 1:2 -5 2020-01-01 T10:00:00 @10:00:00 $ $0 $K1 \" ' 'x' "
    '"y" \\ \\n \\\' \\u12ab ä 😀 # ;'
)
PIECES = [*WORDS.split(), " ", "\t", "\n"]
SPELLINGS = {  # by the name of the word in messages
    "==": ["=", "=="],
    "!=": ["!=", "<>"],
    "<=": ["<=", "=<"],
    ">=": [">=", "=>"],
    "&&": ["&&", "and", "AND", "aNd"],
    "||": ["||", "or", "OR", "Or"],
    "!": ["!", "not", "NOT"],
    "any": ["any", "ANY", "some", "SOME"],
    "all": ["all", "ALL"],
    "none": ["none", "NONE"],
    "obj": ["obj", "Obj"],
    **{word: [word, word.upper(), word.title()] for word in ("beginswith", "endswith", "like")},
    **{word: [word, word.upper(), word.title()] for word in ("contains", "between", "text")},
    **{word: [word, word.upper(), word.title()] for word in ("sort", "distinct", "limit")},
    **{word: [word, word.upper(), word.title()] for word in ("geobox", "geocircle", "subquery")},
}
NAIVE_NAMES = {
    **{"and": "&&", "or": "||", "not": "!", "case": "[c]", "asc": "ascending"},
    **{"desc": "descending", "nan": "NaN", "oid": "objectId"},
}

typed = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@st.composite
def mistyped(draw: st.DrawFn) -> str:
    """A recorded text with a part replaced by something else."""
    text = draw(st.sampled_from(TEXTS))
    begin = draw(st.integers(0, len(text)))
    end = draw(st.integers(begin, min(len(text), begin + 4)))
    return text[:begin] + draw(typed) + text[end:]


def words(text: str) -> list[tuple[str, str]] | None:
    """The words of a text, punctuation named without its quotes; None if some of it is none."""
    try:
        return [(name.strip("'"), spelling) for name, spelling in query_words(text)]
    except QueryError as error:
        assert error.position is not None
        assert text.startswith(error.message[-1], error.position)
        return None


def naive_words(text: str) -> list[tuple[str, str]] | None:
    try:
        found = lexer.tokens(text.encode(), text)[:-1]
    except Refused:
        return None
    return [(NAIVE_NAMES.get(word.name, word.name), word.text.decode()) for word in found]


def meaning(text: str) -> str | None:
    """None if it is refused."""
    try:
        return parse_query(text)
    except QueryError as error:
        assert error.position is not None
        assert 0 <= error.position <= len(text)
        return None


def is_naive_query(text: str) -> bool:
    try:
        parser.parse(text)
    except Refused:
        return False
    return True


@given(st.one_of(typed, mistyped()))
@settings(max_examples=1500)
def test_texts_as_the_naive_parser_has_them(text: str) -> None:
    assert words(text) == naive_words(text)
    assert (meaning(text) is not None) == is_naive_query(text)


@given(st.text(max_size=30))
def test_any_text(text: str) -> None:
    if "\0" not in text:
        assert words(text) == naive_words(text)
    if meaning(text) is not None:
        assert words(text)


@given(st.one_of(typed, mistyped()))
def test_words_stand_for_themselves(text: str) -> None:
    """Blanks between them mean nothing."""
    understood = meaning(text)
    if understood is not None:
        spellings = [spelling for _, spelling in query_words(text)]
        assert meaning(" ".join(spellings)) == understood
        assert meaning("\r\n\t" + " \n".join(spellings) + " ") == understood


@given(st.sampled_from(GOOD), st.integers(0, 1 << 32))
@settings(max_examples=500)
def test_other_spellings_mean_the_same(text: str, seed: int) -> None:
    """Of names the case may change with it: keywords may be names."""
    dice = random.Random(seed)
    respelled = [dice.choice(SPELLINGS.get(name, [word])) for name, word in query_words(text)]
    understood = meaning(dice.choice([" ", "\n", "  "]).join(respelled))
    assert understood is not None
    assert understood.casefold() == parse_query(text).casefold()
