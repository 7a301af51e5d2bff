"""The server's store: idents, binding, appending, pages, group commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from instructions import DOG, add_column, add_table, changeset, create, insert, update
from partitions.formats import to_format_1
from partitions.one_partition import Server
from partitions.uploads import upload
from realmsync._testbed import PartitionDb


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data")
    yield server
    server.db.close()


def code(result: tuple[Any, tuple[int, str] | None]) -> int | None:
    return result[1] and result[1][0]


# Opening


def test_two_servers_cannot_share_a_directory(server: Server) -> None:
    with pytest.raises(Exception, match="in use by another server"):
        PartitionDb(str(server.directory))
    server.db.close()
    PartitionDb(str(server.directory)).close()


def test_a_foreign_format_is_refused(server: Server) -> None:
    server.db.close()
    with sqlite3.connect(server.directory / "partitions.sqlite") as connection:
        connection.execute("UPDATE rs_meta SET v = 99 WHERE k = 'format.rs_history'")
    connection.close()
    with pytest.raises(Exception, match="rs_history has format 99"):
        PartitionDb(str(server.directory))


def test_a_directory_of_format_1_is_migrated(server: Server) -> None:
    ann, bob = server.file(), server.file("bob")
    server.append(ann[0], upload(3, 0, changeset(*DOG, create("Dog", 1))))
    server.append(ann[0], upload(4, 1, b""))
    server.append(bob[0], upload(2, 1, changeset(create("Dog", 2))), progress=(5, 2))
    server.db.begin()
    empty, _ = server.db.open_partition("app", b'"cats"')
    server.db.commit()
    before = server.page(ann[0]), server.page(bob[0], byte_limit=1)
    rows = server.rows("SELECT * FROM rs_history ORDER BY version")
    server.db.close()
    to_format_1(server.directory / "partitions.sqlite")

    server.db = PartitionDb(str(server.directory))
    assert server.rows("SELECT * FROM rs_history ORDER BY version") == rows
    tables = "SELECT name FROM sqlite_schema WHERE tbl_name IN ('rs_head', 'rs_old')"
    assert server.rows(tables) == []
    assert server.rows("PRAGMA integrity_check") == [("ok",)]
    assert (server.page(ann[0]), server.page(bob[0], byte_limit=1)) == before
    latest = before[0]["latest"]
    assert server.bind(ann, download=(3, 4), latest=latest) == ((4, 1, 0, 3), None)
    assert server.append(ann[0], upload(4, 0, b"")) == (3, None), "known, and nothing new"
    assert server.append(ann[0], upload(5, 3, changeset(create("Dog", 3)))) == (4, None)
    server.db.begin()
    assert server.db.open_partition("app", b'"cats"') == (empty, 0)
    server.db.commit()


def test_partitions_are_found_again_by_app_and_key(server: Server) -> None:
    db = server.db
    db.begin()
    dogs = db.open_partition("app", b'"dogs"')
    cats = db.open_partition("app", b'"cats"')
    other = db.open_partition("other", b'"dogs"')
    assert dogs == (server.partition, 0)
    assert len({dogs[0], cats[0], other[0]}) == 3
    db.rollback()
    db.begin()
    assert db.open_partition("other", b'"dogs"')[1] == 0, "the rolled back one is gone"
    db.commit()
    server.db.close()
    again = Server(server.directory)
    assert again.partition == server.partition
    again.db.close()


# Idents and binding


def test_idents_start_at_two_and_are_never_reused(server: Server) -> None:
    first = server.file()
    server.db.begin()
    rolled_back = server.db.allocate_ident(server.partition, "ann")
    server.db.rollback()
    second = server.file()
    assert (first[0], rolled_back[0], second[0]) == (2, 3, 3)
    assert len({first[1], rolled_back[1], second[1]}) == 3
    assert all(0 < salt < 2**63 for _, salt in (first, rolled_back, second))
    assert code(server.bind(rolled_back)) == 211


def test_bind_gives_the_stored_cursors(server: Server) -> None:
    file = server.file()
    assert server.bind(file) == ((0, 0, 0, 0), None)
    server.append(file[0], upload(5, 0, changeset(*DOG)), progress=(6, 0))
    assert server.bind(file) == ((6, 0, 0, 1), None)


def test_binding_checks_in_order(server: Server) -> None:
    file = server.file()
    server.append(file[0], upload(5, 0, changeset(*DOG)))
    server.append(file[0], upload(6, 1, changeset(create("Dog", 1))))
    latest = server.page(file[0])["latest"]
    good = {"download": (2, 6), "latest": latest}
    assert server.bind(file, **good)[1] is None

    ident, salt = file
    foreign = "bob"
    assert code(server.bind((99, 1), foreign, latest=(3, 1))) == 209, "0: latest beyond the head"
    assert code(server.bind((99, salt), foreign, latest=latest)) == 208, "1: unknown ident"
    assert code(server.bind((1, 0), foreign, latest=latest)) == 208, "1: the server's own"
    assert code(server.bind((ident, salt + 1), foreign, latest=latest)) == 211, "2: its salt"
    assert code(server.bind(file, foreign, latest=latest)) == 223, "2b: the user"
    assert code(server.bind(file, download=(0, 9), latest=latest)) == 209, "3: behind the base"
    assert code(server.bind(file, download=(3, 9), latest=latest)) == 209, "5: beyond the head"
    assert code(server.bind(file, download=(2, 9), latest=(1, 1))) == 210, "6: never uploaded"
    assert code(server.bind(file, download=(2, 6), latest=(1, 1))) == 209, "7: beyond latest"
    assert code(server.bind(file, download=(1, 5), latest=(1, 1))) == 211, "8: salt of the version"
    assert code(server.bind(file, download=(1, 5), latest=(2, latest[1] ^ 1))) == 211


def test_an_expired_file_is_told_so(server: Server) -> None:
    file = server.file()
    server.db.close()
    with sqlite3.connect(server.directory / "partitions.sqlite") as connection:
        connection.execute("UPDATE rs_client SET state = 1")
    connection.close()
    server.db = PartitionDb(str(server.directory))
    assert code(server.bind(file)) == 222
    assert code(server.append(file[0], upload(5, 0, changeset(*DOG)))) == 222


# Appending


def test_versions_count_every_changeset_and_salts_every_transaction(server: Server) -> None:
    a, b = server.file(), server.file()
    assert server.append(a[0], upload(3, 0, changeset(*DOG)), upload(4, 0, b"")) == (2, None)
    assert server.append(b[0], upload(2, 2, changeset(create("Dog", 1)))) == (3, None)
    rows = server.rows("SELECT version, salt, via_ident, client_version, size FROM rs_history")
    assert [(v, via, cv) for v, _, via, cv, _ in rows] == [(1, a[0], 3), (2, a[0], 4), (3, b[0], 2)]
    assert rows[0][1] == rows[1][1] != rows[2][1]
    assert rows[1][4] == 0, "an empty one counts too"


def test_a_repeated_upload_is_stored_once(server: Server) -> None:
    file = server.file()
    first = upload(3, 0, changeset(*DOG))
    assert server.append(file[0], first) == (1, None)
    assert server.append(file[0], first) == (1, None)
    assert server.append(file[0], first, upload(4, 0, changeset(create("Dog", 1)))) == (2, None)
    assert [e[0] for e in server.page(server.file()[0])["entries"]] == [1, 2]


def test_progress_alone_makes_no_version_and_acknowledges_nothing(server: Server) -> None:
    a, b = server.file(), server.file()
    server.append(a[0], upload(3, 0, changeset(*DOG)))
    server.append(b[0], progress=(7, 1))
    assert server.bind(b, download=(1, 0), latest=server.page(b[0])["latest"])[0][:2] == (7, 1)
    page = server.page(b[0])
    assert page["upload"] == (0, 0), "only what history entries back is acknowledged"
    server.append(b[0], upload(8, 1, changeset(create("Dog", 1))))
    assert server.page(b[0])["upload"] == (8, 1)
    server.append(b[0], progress=(9, 2))
    assert server.page(b[0])["upload"] == (8, 1)


def test_refused_requests_leave_no_trace(server: Server) -> None:
    file, other = server.file(), server.file()
    tagged = changeset(*DOG, create("Dog", 1), insert("Dog", 1, "tags", 0, "a", 0))
    server.append(file[0], upload(3, 0, tagged))
    before = server.rows("SELECT * FROM rs_history") + server.rows("SELECT * FROM rs_client")
    good = upload(5, 1, changeset(create("Dog", 5), update("Dog", 5, "name", "Rex")))
    dog = changeset(create("Dog", 2))
    for expected, *uploads in (
        (212, good, upload(6, 1, changeset(update("Cat", 1, "name", "x")))),
        (212, good, upload(6, 1, changeset(update("Dog", 9, "name", "x")))),
        (212, upload(4, 0, b""), upload(5, 0, changeset(insert("Dog", 1, "tags", 0, "x", 7)))),
        (225, good, upload(6, 1, changeset(add_column("Dog", "age", 3)))),
        (225, upload(4, 0, b""), upload(5, 0, changeset(add_table("Dog", pk_type=3)))),
        (225, good, upload(6, 1, changeset({"op": "EraseTable", "table": "Dog"}))),
        (225, good, upload(6, 1, changeset({"op": "EraseColumn", "table": "Dog", "field": "age"}))),
        (216, good, (6, 1, 1000, file[0], dog)),
        (209, good, upload(6, 9, dog)),
        (209, good, upload(6, 0, dog)),
        (210, good, upload(5, 1, dog)),
    ):
        result = server.append(other[0], *uploads, progress=(9, 1))
        assert code(result) == expected, result
    assert code(server.append(other[0], good, progress=(9, 2))) == 209
    assert code(server.append(other[0], progress=(9, 2))) == 209
    rows = server.rows("SELECT * FROM rs_history") + server.rows("SELECT * FROM rs_client")
    assert rows == before
    assert server.rows('SELECT count(*) FROM "Dog"') == [(1,)]
    assert server.append(other[0], good) == (2, None)


def test_contradictions_name_what_they_are_about(server: Server) -> None:
    a, b = server.file(), server.file()
    server.append(a[0], upload(3, 0, changeset(*DOG, create("Dog", 1))))
    server.append(a[0], upload(4, 1, changeset(insert("Dog", 1, "tags", 0, "a", 0))))
    refused = server.append(b[0], upload(2, 1, changeset(insert("Dog", 1, "tags", 3, "b", 3))))
    assert refused[1] is not None
    assert refused[1][0] == 212
    assert "Dog[Int(1)].tags[0] meets a change of the same list at another size" in refused[1][1]


def test_small_recent_pages_are_made_without_another_thread(server: Server) -> None:
    writer, reader = server.file()[0], server.file("bob")[0]
    server.append(writer, upload(1, 0, changeset(*DOG, create("Dog", 1))))
    page = server.db.fetch_recent(server.partition, reader)
    assert page == server.page(reader) and len(page["entries"]) == 1
    for version in range(2, 40):
        server.append(writer, upload(version, 0, changeset(create("Dog", version))))
    large = server.db.fetch_recent(server.partition, reader)
    assert large is None and len(server.page(reader)["entries"]) == 39
    assert server.db.fetch_recent(server.partition, reader, (38, 0)) == server.page(reader, (38, 0))
    server.rows("SELECT 1")  # nothing is in memory now
    assert server.db.fetch_recent(server.partition, reader) is None


def test_several_clients_open_the_same_schema_at_once(server: Server) -> None:
    files = [server.file() for _ in range(4)]
    for ident, _ in files:
        head, refusal = server.append(ident, upload(2, 0, changeset(*DOG)))
        assert refusal is None
    assert head == 4
    for ident, _ in files:
        payload = changeset(create("Dog", ident), update("Dog", ident, "age", ident))
        assert server.append(ident, upload(3, 0, payload))[1] is None
    sizes = server.rows("SELECT size FROM rs_history ORDER BY version")
    assert sizes[0][0] > 0
    assert [s for (s,) in sizes[1:4]] == [0, 0, 0], "the first one's schema is everybody's"
    reciprocals = server.rows("SELECT ident, version, length(changeset) FROM rs_recip")
    assert reciprocals == [(ident, 1, 0) for ident, _ in files[1:]], "empty, but present"
    assert server.rows('SELECT count(*) FROM "Dog"') == [(4,)]
    server.append(files[1][0], progress=(3, 1))
    assert server.rows("SELECT ident FROM rs_recip") == [(i,) for i, _ in files[2:]], "trimmed"


# Group commit


def test_nothing_is_visible_before_the_commit(server: Server) -> None:
    a, b = server.file(), server.file()
    server.db.begin()
    assert server.db.append(server.partition, a[0], [upload(3, 0, changeset(*DOG))], (3, 0))[0] == 1
    created = upload(2, 1, changeset(create("Dog", 1)))
    assert server.db.append(server.partition, b[0], [created], (2, 1))[0] == 2
    page = server.page(a[0])
    assert (page["entries"], page["latest"], page["upload"]) == ([], (0, 0), (0, 0))
    server.db.commit()
    assert [e[0] for e in server.page(a[0])["entries"]] == [2]
    assert server.page(a[0])["upload"] == (3, 0)


def test_a_rolled_back_group_is_gone_entirely(server: Server) -> None:
    a, b = server.file(), server.file()
    server.append(a[0], upload(3, 0, changeset(*DOG)))
    for _ in range(2):
        server.db.begin()
        created = upload(4, 1, changeset(create("Dog", 1)))
        assert server.db.append(server.partition, a[0], [created], (4, 1))[0] == 2
        updated = upload(9, 1, changeset(create("Dog", 2)))
        assert server.db.append(server.partition, b[0], [updated], (9, 1))[0] == 3
        server.db.rollback()
    assert server.bind(a)[1] is None
    assert server.page(b[0])["latest"][0] == 1
    assert server.rows('SELECT count(*) FROM "Dog"') == [(0,)]
    assert server.append(b[0], upload(9, 1, changeset(create("Dog", 2)))) == (2, None)


def test_a_refused_request_does_not_touch_its_neighbours(server: Server) -> None:
    a, b, c = server.file(), server.file(), server.file()
    server.append(a[0], upload(3, 0, changeset(*DOG)))
    append = server.db.append
    server.db.begin()
    assert (
        append(server.partition, a[0], [upload(4, 1, changeset(create("Dog", 1)))], (4, 1))[0] == 2
    )
    bad = changeset(create("Dog", 2), update("Dog", 2, "nope", 1))
    assert code(append(server.partition, b[0], [upload(2, 1, bad)], (2, 1))) == 212
    assert (
        append(server.partition, c[0], [upload(2, 1, changeset(create("Dog", 3)))], (2, 1))[0] == 3
    )
    server.db.commit()
    assert server.rows('SELECT "_id" FROM "Dog" ORDER BY "_id"') == [(1,), (3,)]
    assert [v for (v,) in server.rows("SELECT version FROM rs_history")] == [1, 2, 3]


# Pages


@pytest.mark.parametrize("tail_bytes", [None, 0], ids=["memory", "tables"])
def test_the_batch_example_of_the_specification(tmp_path: Path, tail_bytes: int | None) -> None:
    """server-behaviour.md 8.11, its megabytes as bytes, its server write as a fourth client's."""
    server = Server(tmp_path / "data", tail_bytes=tail_bytes)
    two, three, nine, writer = (server.file() for _ in range(4))
    server.append(two[0], upload(5, 0, changeset(*DOG)))
    server.append(three[0], upload(4, 1, changeset(create("Dog", 1))))
    server.append(two[0], upload(6, 1, changeset(create("Dog", 2))))
    server.append(writer[0], upload(2, 3, changeset(create("Dog", 3))))

    limit = len(changeset(*DOG))  # not exceeded by version 1, but by version 2
    first = server.page(nine[0], byte_limit=limit)
    assert [(e[0], e[1], e[3]) for e in first["entries"]] == [(1, 0, two[0]), (2, 0, three[0])]
    assert first["download"] == (2, 0)
    second = server.page(nine[0], first["download"], byte_limit=limit)
    assert [(e[0], e[1], e[3]) for e in second["entries"]] == [(3, 0, two[0]), (4, 0, writer[0])]
    assert second["download"] == (4, 0)
    assert first["downloadable"] == sum(len(e[5]) for e in second["entries"])
    assert second["downloadable"] == 0

    own = server.page(two[0])
    assert [(e[0], e[1]) for e in own["entries"]] == [(2, 5), (4, 6)]
    assert own["download"] == (4, 6)
    other = server.page(three[0])
    assert [(e[0], e[1]) for e in other["entries"]] == [(1, 0), (3, 4), (4, 4)]
    assert other["download"] == (4, 4)
    server.db.close()


@pytest.mark.parametrize("tail_bytes", [None, 0], ids=["memory", "tables"])
def test_latest_is_never_more_than_a_page_shows(tmp_path: Path, tail_bytes: int | None) -> None:
    server = Server(tmp_path / "data", tail_bytes=tail_bytes)
    writer, reader = server.file(), server.file()
    for version, base in ((2, 0), (3, 1), (4, 2)):
        payload = changeset(*DOG) if base == 0 else changeset(create("Dog", version))
        server.append(writer[0], upload(version, base, payload))
    salts = dict(server.rows("SELECT version, salt FROM rs_history"))
    server.db.close()
    server.db = PartitionDb(str(server.directory), tail_bytes=tail_bytes)
    server.bind(reader)

    page = server.page(reader[0], byte_limit=1)
    assert (page["download"], page["latest"]) == ((1, 0), (1, salts[1]))
    told = server.page(reader[0], byte_limit=1, least_latest=2)
    assert told["latest"] == (2, salts[2]), "what was told before stays"
    acknowledged = server.page(writer[0], byte_limit=1)
    assert acknowledged["latest"] == (3, salts[3])
    assert acknowledged["download"] == (3, 4)
    assert server.page(reader[0], (3, 0))["entries"] == []
    server.db.close()


def test_large_pages_are_compressed_and_small_ones_are_not(server: Server) -> None:
    writer, reader = server.file(), server.file()
    server.append(writer[0], upload(2, 0, changeset(*DOG)))
    assert not server.page(reader[0])["compressed"]
    objects = [create("Dog", n) for n in range(2000)]
    server.append(writer[0], upload(3, 1, changeset(*objects)))
    page = server.page(reader[0], (1, 0))
    assert page["compressed"]
    assert len(page["entries"][0][5]) > 1024


def test_pages_are_the_same_from_memory_and_from_the_tables(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", cache_bytes=1, durability="process")
    writer, reader = server.file(), server.file()
    server.append(writer[0], upload(2, 0, changeset(*DOG)))
    for version in range(3, 300):  # many commits: caches are evicted meanwhile
        server.append(writer[0], upload(version, version - 2, changeset(create("Dog", version))))
        page = server.page(reader[0], (version - 2, 0))
        assert [e[0] for e in page["entries"]] == [version - 1]
    assert len(server.page(reader[0])["entries"]) == 298
    assert server.db.cached_bytes() < 100_000
    server.db.close()


@pytest.mark.parametrize("tail_bytes", [None, 2000], ids=["memory", "tables"])
def test_readers_beside_the_writer_see_every_version_once(
    tmp_path: Path, tail_bytes: int | None
) -> None:
    server = Server(tmp_path / "data", durability="process", tail_bytes=tail_bytes)
    writer, last = server.file(), 400

    def follow(ident: int) -> list[int]:
        seen: list[int] = []
        cursor, latest = (0, 0), 0
        while cursor[0] < last:
            page = server.page(ident, cursor, least_latest=latest, byte_limit=500)
            seen += [entry[0] for entry in page["entries"]]
            assert page["latest"][0] >= max(latest, page["download"][0])
            cursor, latest = page["download"], page["latest"][0]
        return seen

    readers = [server.file()[0] for _ in range(4)]
    with ThreadPoolExecutor(len(readers)) as pool:
        following = [pool.submit(follow, ident) for ident in readers]
        server.append(writer[0], upload(2, 0, changeset(*DOG)))
        for version in range(3, last + 2):
            server.append(writer[0], upload(version, 1, changeset(create("Dog", version))))
        for future in following:
            assert future.result(timeout=60) == list(range(1, last + 1))
    server.db.close()


def test_pages_of_unknown_files_and_partitions_are_misuse(server: Server) -> None:
    with pytest.raises(ValueError, match="no client file 77"):
        server.page(77)
    with pytest.raises(ValueError, match="no partition 5"):
        server.db.fetch_page(5, 2)
