"""How values behave inside queries: decimals, wildcards, case (query-language.md 6, 8.2, 10.5,
10.6, 12), by the parts of the evaluator that do it, against models of their own."""

from __future__ import annotations

import random
from decimal import ROUND_HALF_EVEN, Context, Decimal

import pytest

from realmsync._testbed import (
    calculate_decimals,
    compare_decimals,
    double_to_decimal,
    float_to_decimal,
    fold,
    is_like,
)

# Decimal128 as IEEE 754 has it.
CONTEXT = Context(prec=34, Emin=-6143, Emax=6144, rounding=ROUND_HALF_EVEN, clamp=1, traps=[])
OPERATIONS = {
    "+": CONTEXT.add,
    "-": CONTEXT.subtract,
    "*": CONTEXT.multiply,
    "/": CONTEXT.divide,
}
SPECIAL = ["Infinity", "-Infinity", "NaN", "0", "-0", "0E-6176", "0E+6111", "9E+6144", "1E-6176"]


def random_decimal(source: random.Random) -> Decimal:
    """Any decimal128; nines, zeros and all 34 digits come often, where carries and ties are."""
    if source.random() < 0.05:
        return CONTEXT.create_decimal(source.choice(SPECIAL))
    count = source.choice([1, 2, 5, 17, 33, 34, 34])
    digits = "".join(source.choice(source.choice(["0123456789", "09"])) for _ in range(count))
    exponent = source.choice(
        [0, 0, source.randint(-5, 5), source.randint(-40, 40), source.randint(-6176, 6111)]
    )
    return CONTEXT.create_decimal(f"{source.choice(['', '-'])}{digits}E{exponent}")


def near(value: Decimal, source: random.Random) -> Decimal:
    """A decimal that almost cancels the other one in a sum."""
    step = Decimal(source.randint(-3, 3)).scaleb(source.randint(-40, 40))
    return CONTEXT.add(CONTEXT.minus(value), step)


def test_decimals_are_calculated_as_python_does() -> None:
    source = random.Random(12)
    for _ in range(5_000):
        left, right = random_decimal(source), random_decimal(source)
        if source.random() < 0.3:
            right = near(left, source)
        for op, calculate in OPERATIONS.items():
            expected = str(calculate(left, right))
            found = calculate_decimals(op, str(left), str(right))
            assert found.removeprefix("-") == "NaN" if "NaN" in expected else found == expected, (
                left,
                op,
                right,
            )


def test_decimals_are_ordered_as_python_does() -> None:
    source = random.Random(13)
    for _ in range(5_000):
        left, right = random_decimal(source), random_decimal(source)
        if source.random() < 0.5:
            right = CONTEXT.copy_negate(near(left, source))
        if left.is_nan() or right.is_nan():
            continue
        assert compare_decimals(str(left), str(right)) == int(left.compare(right)), (left, right)


def test_nan_is_below_every_decimal() -> None:
    """8.3: two NaNs of the same bits are equal."""
    assert compare_decimals("NaN", "-Infinity") == -1
    assert compare_decimals("0", "NaN") == 1
    assert compare_decimals("NaN", "NaN") == 0
    assert compare_decimals("-NaN", "NaN") != 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.30000000000000004, "0.300000000000000"),
        (0.1, "0.100000000000000"),
        (1.5, "1.5"),
        (-0.25, "-0.25"),
        (0.0, "0"),
        (100.0, "100"),
        (1e300, "1.00000000000000E+300"),
        (2.0**53 + 2, "9.00719925474099E+15"),
        (float("inf"), "Infinity"),
        (float("nan"), "NaN"),
    ],
)
def test_doubles_have_15_digits_as_decimals(value: float, text: str) -> None:
    """Section 6: rounded where there are more, and then all of them are shown."""
    assert double_to_decimal(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(1.1, "1.100000"), (0.5, "0.5"), (16777216.0, "1.677722E+7")]
)
def test_floats_have_7_digits_as_decimals(value: float, text: str) -> None:
    assert float_to_decimal(value) == text


def like_model(text: str, pattern: str) -> bool:
    """10.6 as a table of what each beginning of the pattern matches: slow and plain."""
    ends = {0}  # places in the text up to which the pattern so far may reach
    for wanted in pattern:
        if wanted == "*":
            ends = set(range(min(ends), len(text) + 1)) if ends else set()
        else:
            ends = {at + 1 for at in ends if at < len(text) and wanted in ("?", text[at])}
    return len(text) in ends


def test_like_agrees_with_a_table() -> None:
    source = random.Random(106)
    for _ in range(20_000):
        text = "".join(source.choice("abé漢😀") for _ in range(source.randint(0, 8)))
        pattern = "".join(source.choice("abé漢😀**??") for _ in range(source.randint(0, 8)))
        assert is_like(text, pattern) == like_model(text, pattern), (text, pattern)


@pytest.mark.parametrize(
    ("text", "pattern", "matches"),
    [
        ("", "", True),
        ("a", "", False),
        ("", "*", True),
        ("a", "a**", True),
        ("a", "?", True),
        ("", "?", False),
        ("100%", "100%", True),
        ("100x", "100%", False),
        ("a_c", "a_c", True),
        ("abc", "a_c", False),
        ("[x]", "[x]", True),
        ("x", "[x]", False),
        ("a*c", r"a\*c", False),
        ("É", "?", True),
        ("abcabd", "*abd", True),
        ("ab", "abc", False),
        ("nul\0inside", "nul*inside", True),
    ],
)
def test_like_rule_by_rule(text: str, pattern: str, matches: bool) -> None:
    assert is_like(text, pattern) is matches


def test_like_ignores_case_of_latin_1_only() -> None:
    assert is_like("SMÖRGÅS", "smö*s", True)
    assert not is_like("ΣΑΣ", "σας", True)
    assert not is_like("SMÖRGÅS", "smö*s")


def test_a_pattern_of_many_stars_ends() -> None:
    assert not is_like("a" * 20_000, "*a" * 200 + "*b")


def test_folding_letter_by_letter() -> None:
    """10.5: ASCII and U+00E0 to U+00FE without the division sign; nothing else changes."""
    for point in (*range(0x500), 0x3C3, 0x1E9E, 0xFF41, 0x1F600):
        letter = chr(point)
        folds = "a" <= letter <= "z" or (0xE0 <= point <= 0xFE and point != 0xF7)
        expected = letter.upper() if folds else letter
        assert fold(letter) == expected.encode(), hex(point)


def test_folding_leaves_what_is_no_text() -> None:
    assert fold(b"\xe4\xffaz\xc3") == b"\xe4\xffAZ\xc3"
    assert len(fold(bytes(range(256)))) == 256
