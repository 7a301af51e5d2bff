"""The known defects of the original merge in its three profiles: the worked examples E39 to E44 of
merge-rules.md 10.3."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from merge.engines import Engine
from merge.notation import base, instructions
from merge.runs import has_bare_creation
from merge.star import Star
from merge.worked import (
    PROFILES,
    A,
    B,
    C,
    assert_final,
    each_engine,
    merged,
    merged_by_a,
    of_clients,
)
from realmsync.errors import BadChangesetError
from realmsync.inspect import decode_changeset


class Defect(NamedTuple):
    """What the sides become per profile; `=` and `–` as above."""

    id: str
    a: str
    a_time: int
    b: str
    b_time: int
    after: dict[str, tuple[str, str]]


E42B = "Ins m[0]=List/0, Clr m[0](List), Ins m[0][0]={}/0"
DEFECTS = [
    Defect(
        "E39",
        *("Mv el 0→2/3", 1),
        *("U el[0].x=5", 2),
        {"strict": ("Mv el 2→2/3", "="), "safe": ("=", "U el[2].x=5")},
    ),
    Defect(
        "E40",
        *("Mv el 2→0/3", 1),
        *("U el[0].x=5", 2),
        {"strict": ("=", "="), "safe": ("=", "U el[1].x=5")},
    ),
    Defect(
        "E42",
        *("Clr m[1](List)", 1),
        *("Ins m[0]=9/2", 2),
        {"strict": ("=", "="), "safe": ("=", "="), "full": ("Clr m[2](List)", "=")},
    ),
    Defect(
        "E42b",
        *(E42B.format(1), 1),
        *(E42B.format(2), 2),
        {
            "strict": (
                "Ins m[0]=List/1",
                "Ins m[1]=List/1, Clr m[0](List), Ins m[1][0]=2/0",
            ),
            "full": (
                "Ins m[0]=List/1, Clr m[0](List), Ins m[0][0]=1/0",
                "Ins m[1]=List/1, Clr m[1](List), Ins m[1][0]=2/0",
            ),
        },
    ),
    Defect("E43", "U m.k=Erased", 1, "Clr m.k(List)", 2, {"strict": ("–", "=")}),
    Defect("E44", "U m=null", 1, "U m=List", 2, {"strict": ("–", "=")}),
]


@each_engine
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("defect", DEFECTS, ids=lambda d: d.id)
def test_defects_transform(engine: Engine, profile: str, defect: Defect) -> None:
    # A profile that says nothing of its own does as the one before it.
    known = [p for p in PROFILES[: PROFILES.index(profile) + 1] if p in defect.after]
    a_after, b_after = defect.after[known[-1]]
    a, b = (instructions(defect.a), defect.a_time), (instructions(defect.b), defect.b_time)
    after = (
        instructions(defect.a if a_after == "=" else a_after),
        instructions(defect.b if b_after == "=" else b_after),
    )
    assert merged(engine, a, b, profile) == after
    assert merged_by_a(engine, a, b, profile) == after


EL = {"el": [{"x": 100}, {"x": 101}, {"x": 102}]}


def committed(
    engine: Engine, profiles: tuple[str, str], start: dict[str, Any], defect: Defect
) -> Star:
    """A's and B's changes made, nothing uploaded."""
    star = Star(engine.peer, 2, profiles)
    star.seed(base(start))
    star.commit(A, instructions(defect.a), defect.a_time)
    star.commit(B, instructions(defect.b), defect.b_time)
    return star


def xs(elements: Any) -> list[int]:
    return [element["x"] for element in elements]


@each_engine
def test_e39_strict_fails_where_the_move_arrives(engine: Engine) -> None:
    star = committed(engine, ("strict", "strict"), EL, DEFECTS[0])
    star.upload(A)
    with pytest.raises(BadChangesetError):
        star.download(B)
    star.upload(B)
    assert xs(of_clients(star, "el")[0]) == [5, 102, 100], "the wrong element"


@each_engine
def test_e39_and_e40_safe_on_all_peers(engine: Engine) -> None:
    for defect, final in ((DEFECTS[0], [101, 102, 5]), (DEFECTS[1], [102, 5, 101])):
        star = committed(engine, ("safe", "safe"), EL, defect)
        star.settle()
        star.assert_converged()
        assert xs(of_clients(star, "el")[0]) == final


@each_engine
def test_e40_strict_diverges(engine: Engine) -> None:
    star = committed(engine, ("strict", "strict"), EL, DEFECTS[1])
    star.settle()
    server, a, b = map(xs, of_clients(star, "el"))
    assert (server, a, b) == ([5, 100, 101], [5, 100, 101], [102, 5, 101])


@each_engine
@pytest.mark.parametrize("profile", PROFILES)
def test_e42(engine: Engine, profile: str) -> None:
    clients = "full" if profile == "full" else "strict"
    star = committed(engine, (profile, clients), {"m": [[1], [2]]}, DEFECTS[2])
    star.settle()
    right = [9, [1], []]
    wrong = [9, [], [2]]
    _, a, b = of_clients(star, "m")
    assert (a, b) == (right, right if profile == "full" else wrong)


@each_engine
@pytest.mark.parametrize("first", [A, B])
@pytest.mark.parametrize("profiles", [("strict", "strict"), ("safe", "strict"), ("full", "full")])
def test_e42b(engine: Engine, profiles: tuple[str, str], first: int) -> None:
    star = committed(engine, profiles, {"m": []}, DEFECTS[3])
    star.upload(first)
    star.settle()
    star.assert_converged()
    assert of_clients(star, "m")[0] == ([[1], [2]] if profiles[0] == "full" else [[], [2]])


@each_engine
@pytest.mark.parametrize("first", [A, B])
def test_e42b_corrected_on_the_server_alone_diverges(engine: Engine, first: int) -> None:
    star = committed(engine, ("full", "strict"), {"m": []}, DEFECTS[3])
    star.upload(first)
    star.settle()
    server, a, b = of_clients(star, "m")
    assert server == [[1], [2]]
    second = b if first == A else a
    assert second == [[], [2]]


@each_engine
def test_e43_a_clear_meets_an_erased_key(engine: Engine) -> None:
    star = committed(engine, ("strict", "strict"), {"m": {"k": []}}, DEFECTS[4])
    star.upload(B)
    with pytest.raises(BadChangesetError):
        star.download(A)
    star.upload(A)
    star.download(B)
    assert of_clients(star, "m")[2] == {"k": []}


@each_engine
@pytest.mark.parametrize("clients", ["strict", "safe"])
@pytest.mark.parametrize("first", [A, B])
def test_e43_safe_brings_the_key_back(engine: Engine, first: int, clients: str) -> None:
    star = committed(engine, ("safe", clients), {"m": {"k": []}}, DEFECTS[4])
    star.upload(first)
    star.settle()
    assert_final(star, {"m": {"k": []}})
    by_b = star.history[-1 if first == A else -2].changeset
    assert decode_changeset(by_b) == instructions("U m.k=List, Clr m.k(List)")


@each_engine
def test_e44_a_list_without_clear_keeps_its_contents(engine: Engine) -> None:
    star = committed(engine, ("strict", "strict"), {"m": [7]}, DEFECTS[5])
    star.settle()
    _, a, b = of_clients(star, "m")
    assert (a, b) == ([], [7])


@each_engine
@pytest.mark.parametrize("profile", PROFILES)
def test_r4_without_any_old_sdk(engine: Engine, profile: str) -> None:
    """B's Clear is older than C's and is dropped; what is left of B's assignment keeps C's list at
    the server, and makes an empty one at A, who has set something else meanwhile. A has seen C's
    list: its clock is behind."""
    for a_time, final in ((1, [[1], [], [1], [1]]), (4, [5, 5, 5, 5])):
        star = Star(engine.peer, 3, (profile, profile))
        star.seed(base({}))
        star.commit(C, instructions("U m=List, Clr m(List), Ins m[0]=1/0"), 3)
        star.upload(C)
        star.download(A)
        star.commit(B, instructions("U m=List, Clr m(List)"), 2)
        star.commit(A, instructions("U m=5"), a_time)
        star.upload(B)
        star.settle()
        assert of_clients(star, "m") == final
        assert has_bare_creation(star)
