"""What operators ask of the engine while clients are connected: the schema of the app, client files
that have to be reset, histories that begin anew (server-behaviour.md 12, app-configuration.md 4.3,
7.4, 7.6, 7.7, 10.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from instructions import DOG, Instruction, add_column, add_table, changeset, create, update
from realmsync.inspect import decode_changeset
from server_driver import APP, Binding, Connection, Server

Property = tuple[str, str, bool, str | None, str | None]
Class = tuple[str, str, str | None, Sequence[Property]]

KEY: Property = ("_id", "int", False, None, None)
NAME: Property = ("name", "string", True, None, None)
AGE: Property = ("age", "int", False, None, None)
TAGS: Property = ("tags", "string", False, "list", None)


def dog(*properties: Property, key: Property = KEY) -> Class:
    return ("Dog", "top", "_id", [key, *properties])


DOGS = dog(NAME, AGE, TAGS)


class Operator(Server):
    """A server, and who runs it."""

    def ask(self, what: str, *arguments: Any) -> tuple[str | None, list[Class] | None]:
        task = getattr(self.runtime, what)(APP, *arguments, self.now)
        self.run()
        self.advance(5_000)
        answers = [e for e in self.events if e[:2] == ("administered", task)]
        assert len(answers) == 1, what
        _, _, error, classes, _ = answers[0]
        return error, classes

    def install(self, *classes: Class, development: bool = False) -> None:
        self.configure(development_mode=development)
        assert self.ask("install_schema", classes) == (None, None)

    def configure(self, **settings: Any) -> None:
        self.runtime.configure_app(APP, now_ms=self.now, **settings)

    def classes(self) -> dict[str, dict[str, Property]]:
        error, classes = self.ask("schema")
        assert error is None and classes is not None
        return {name: {p[0]: p for p in properties} for name, _, _, properties in classes}

    def again(self) -> Operator:
        """After a restart on the same disk."""
        return Operator(self.store)


class Client:
    """A client of one partition that uploads instructions and keeps what it is sent."""

    def __init__(self, server: Server, partition: object = "p", user: str = "user") -> None:
        self.connection = server.connect(user)
        self.binding: Binding = self.connection.open(1, partition)
        self.version = 1

    def upload(self, *instructions: Instruction, time: int = 1) -> list[int] | None:
        """The error, if there is one."""
        self.version += 1
        base = self.binding.download[0]
        self.connection.upload(
            1, (self.version, base), [(self.version, base, time, changeset(*instructions))]
        )
        return self.receive()

    def receive(self) -> list[int] | None:
        errors = [m.fields for m in self.connection.answers() if m.type == "json_error"]
        return errors[0] if errors else None

    def received(self) -> list[Instruction]:
        self.receive()
        entries, self.binding.received = self.binding.received, []
        return [i for entry in entries for i in decode_changeset(entry.changeset)]

    @property
    def file(self) -> tuple[int, int]:
        assert self.binding.file is not None
        return self.binding.file


def operations(instructions: Iterable[Instruction]) -> list[tuple[str, str, str | None]]:
    return [(i["op"], i["table"], i.get("field")) for i in instructions]


def error_of_upload(client: Client, *instructions: Instruction) -> str:
    client.version += 1
    base = client.binding.download[0]
    client.connection.upload(
        1, (client.version, base), [(client.version, base, 1, changeset(*instructions))]
    )
    error = client.connection.error_answer()
    assert error.fields == [225, 1] and error.json["action"] == "ApplicationBug"
    return str(error.json["message"])


# The schema of the app


def test_what_is_declared_passes_and_nothing_else() -> None:
    server = Operator()
    server.install(DOGS)
    assert Client(server).upload(*DOG) is None
    assert "no class 'Cat'" in error_of_upload(Client(server), add_table("Cat"))
    message = error_of_upload(Client(server), *DOG, add_column("Dog", "size", 3))
    assert "class 'Dog', property 'size': the app has none, here it is string" in message


def test_a_contradiction_names_class_property_and_both_types() -> None:
    server = Operator()
    server.install(DOGS)
    message = error_of_upload(Client(server), add_table("Dog"), add_column("Dog", "age", 3))
    assert "class 'Dog', property 'age': the app has int, here it is string" in message
    message = error_of_upload(
        Client(server), add_table("Dog"), add_column("Dog", "age", nullable=True)
    )
    assert "the app has int, here it is int?" in message
    message = error_of_upload(Client(server), add_table("Dog", pk_type=3))
    assert "the primary key '_id' of type int, here it is with" in message
    assert Client(server).upload(*DOG) is None  # nothing of those has stayed


def test_in_development_mode_clients_extend_the_schema_of_the_app() -> None:
    server = Operator()
    server.install(dog(NAME), development=True)
    assert Client(server).upload(*DOG, add_table("Cat"), add_column("Cat", "age")) is None
    classes = server.classes()
    assert set(classes) == {"Dog", "Cat"}
    assert classes["Dog"] == {p[0]: p for p in DOGS[3]}
    message = error_of_upload(
        Client(server, "other"), add_table("Cat"), add_column("Cat", "age", 3)
    )
    assert "'Cat', property 'age': the app has int, here it is string" in message
    server.configure(development_mode=False)
    assert Client(server, "other").upload(add_table("Cat"), add_column("Cat", "age")) is None
    assert "no class 'Cow'" in error_of_upload(Client(server), add_table("Cow"))


@pytest.mark.parametrize("is_null", [True, False])
def test_the_first_client_of_a_class_settles_what_exports_leave_open(is_null: bool) -> None:
    server = Operator()
    server.install(
        dog(
            ("tags", "string", not is_null, "list", None),
            key=("_id", "int", not is_null, None, None),
        )
    )
    mine = (
        add_table("Dog", pk_nullable=is_null),
        add_column("Dog", "tags", 3, collection=1, nullable=is_null),
    )
    assert Client(server).upload(*mine) is None
    (log,) = [e for e in server.events if e[0] == "log" and "holds from now on" in str(e)]
    assert log[1] == "warning" and "class 'Dog'" in log[2]
    assert Client(server, "other").upload(*mine) is None
    other = (add_table("Dog", pk_nullable=not is_null),)
    assert "primary key" in error_of_upload(Client(server, "third"), *other)
    server.install(dog(TAGS))  # the configuration is as it was
    assert server.classes()["Dog"]["_id"][2] is is_null
    assert server.classes()["Dog"]["tags"][2] is is_null


def test_a_refused_upload_settles_nothing() -> None:
    server = Operator()
    server.install(dog(NAME, key=("_id", "int", True, None, None)))
    error_of_upload(Client(server), add_table("Dog"), add_column("Dog", "name"))
    assert Client(server).upload(add_table("Dog", pk_nullable=True)) is None


def test_connected_clients_of_all_partitions_are_told_what_is_new() -> None:
    server = Operator()
    server.install(dog(NAME))
    here, there = Client(server), Client(server, "other")
    assert here.upload(add_table("Dog"), add_column("Dog", "name", 3, nullable=True)) is None
    here.received(), there.received()
    server.install(DOGS)
    # Lists are left open until a client declares them.
    assert operations(here.received()) == [("AddColumn", "Dog", "age")]
    assert operations(there.received()) == [
        ("AddTable", "Dog", None),
        ("AddColumn", "Dog", "name"),
        ("AddColumn", "Dog", "age"),
    ]
    assert here.upload(add_column("Dog", "age"), create("Dog", 1)) is None
    later = Client(server, "third")
    assert operations(later.binding.received and later.received())[0] == ("AddTable", "Dog", None)
    for client in here, there:
        assert all(entry.origin == 1 for entry in client.binding.received if entry.origin == 1)


def test_repeating_the_installation_appends_nothing() -> None:
    server = Operator()
    server.install(DOGS)
    client = Client(server)
    client.upload(*DOG)
    server.install(DOGS)
    head = client.binding.download[0]
    for _ in range(3):
        server = server.again()
        server.install(DOGS)
    reader = Client(server)
    assert reader.binding.download[0] == head
    assert operations(reader.received()) == operations([*DOG])


def test_an_installation_that_contradicts_what_is_used_is_refused_whole() -> None:
    server = Operator()
    server.install(DOGS)
    Client(server).upload(*DOG)
    other = dog(NAME, ("age", "string", False, None, None))
    error, _ = server.ask("install_schema", [other, ("Cat", "top", "_id", [KEY])])
    assert error == "class 'Dog', property 'age': the app has int, here it is string"
    assert set(server.classes()) == {"Dog"}
    assert Client(server).upload(*DOG) is None


def test_what_is_no_schema_is_refused() -> None:
    server = Operator()
    for classes in (
        [("Dog", "top", "_id", [])],
        [("Dog", "middle", None, [])],
        [("", "top", None, [])],
        [("D" * 58, "top", None, [])],
        [("Dog", "top", None, [("age", "number", False, None, None)])],
        [("Dog", "top", None, [("age", "int", False, "bag", None)])],
        [("Dog", "top", "_id", [("_id", "double", False, None, None)])],
        ["Dog"],
    ):
        with pytest.raises((ValueError, RuntimeError, TypeError)):
            server.runtime.install_schema(APP, classes, server.now)
    link: Property = ("owner", "link", True, None, "Person")
    error, _ = server.ask("install_schema", [dog(link)])
    assert error is not None and "there is no class 'Person'" in error
    error, _ = server.ask("install_schema", [DOGS, DOGS])
    assert error == "Class 'Dog' is declared twice"
    many = [(f"n{n}", "int", False, None, None) for n in range(1000)]
    error, _ = server.ask("install_schema", [dog(*many)])
    assert error is not None and "too many properties" in error
    assert server.classes() == {}


def test_what_partitions_had_before_the_first_configuration_is_the_apps() -> None:
    server = Operator()
    Client(server).upload(*DOG)
    Client(server, "other").upload(add_table("Cat"))
    error, _ = server.ask("install_schema", [dog(("age", "string", False, None, None))])
    assert error is not None and "the app has int" in error
    server.install(DOGS)
    assert set(server.classes()) == {"Dog", "Cat"}
    assert Client(server, "third").upload(*DOG, add_table("Cat")) is None


def test_partitions_that_contradict_each_other_cannot_be_one_app() -> None:
    server = Operator()
    Client(server).upload(*DOG)
    Client(server, "other").upload(add_table("Dog"), add_column("Dog", "age", 3))
    error, _ = server.ask("install_schema", [dog(NAME)])
    assert error is not None and error.startswith("Partitions contradict each other: class 'Dog'")


# Breaking changes


def test_a_breaking_change_resets_all_clients_and_keeps_what_it_can() -> None:
    server = Operator()
    server.install(DOGS)
    client, other = Client(server), Client(server, "other")
    client.upload(
        *DOG, create("Dog", 1), update("Dog", 1, "name", "Rex"), update("Dog", 1, "age", 5)
    )
    server.runtime.replace_schema(
        APP, [dog(NAME, ("age", "string", False, None, None))], server.now
    )
    server.run()
    error = client.connection.error_answer()
    assert error.fields == [217, 1] and error.json["action"] == "ClientReset"
    assert error.json["message"] == "breaking schema change applied"
    assert other.receive() == [217, 1]
    server.advance(5_000)
    back = server.connect()
    back.bind(1, need_ident=False)
    back.ident(1, client.file)
    assert back.error_answer().fields == [217, 1]
    fresh = Client(server)
    values = {i["field"]: i["value"]["v"] for i in fresh.received() if i["op"] == "Update"}
    assert values == {"name": "Rex", "age": ""}
    assert server.classes()["Dog"] == {
        "_id": KEY,
        "name": NAME,
        "age": ("age", "string", False, None, None),
    }
    assert fresh.upload(add_column("Dog", "age", 3), update("Dog", 1, "age", "old")) is None


def test_a_class_that_goes_takes_its_links_along() -> None:
    server = Operator()
    person: Class = ("Person", "top", "_id", [KEY, NAME])
    link: Property = ("owner", "link", True, None, "Person")
    server.install(dog(NAME, link), person)
    client = Client(server)
    owner = {"t": "link", "table": "Person", "pk": {"t": "int", "v": 7}}
    assert (
        client.upload(
            add_table("Person"),
            add_table("Dog"),
            add_column("Dog", "owner", 9, nullable=True, target="Person"),
            create("Person", 7),
            create("Dog", 1),
        )
        is None
    ), owner
    assert server.ask("replace_schema", [dog(NAME)]) == (None, None)
    assert set(server.classes()) == {"Dog"} and "owner" not in server.classes()["Dog"]
    state = operations(Client(server).received())
    assert ("CreateObject", "Dog", None) in state
    assert not [i for i in state if i[1] == "Person" or i[2] == "owner"]


def test_a_replacement_that_breaks_nothing_resets_nobody() -> None:
    server = Operator()
    server.install(dog(NAME))
    client = Client(server)
    client.upload(add_table("Dog"), add_column("Dog", "name", 3, nullable=True))
    assert server.ask("replace_schema", [DOGS]) == (None, None)
    assert operations(client.received()) == [("AddColumn", "Dog", "age")]


# Client files


def test_idents_are_unique_in_the_app() -> None:
    server = Operator()
    idents = [Client(server, partition).file[0] for partition in ("a", "b", "a", "c")]
    server = server.again()
    idents += [Client(server, partition).file[0] for partition in ("b", "d")]
    assert idents == [2, 3, 4, 5, 6, 7]


def test_a_client_file_is_reset_at_once_when_it_is_connected() -> None:
    server = Operator()
    client, other = Client(server), Client(server, "other")
    assert server.ask("force_reset", client.file[0]) == (None, None)
    error = client.connection.error_answer()
    assert error.fields == [208, 1] and error.json["action"] == "ClientReset"
    assert other.receive() is None


def test_a_client_file_is_reset_when_it_comes_after_a_restart_too() -> None:
    server = Operator()
    client, other = Client(server), Client(server)
    client.upload(*DOG)
    other.receive()
    client.connection.close()
    assert server.ask("force_reset", client.file[0]) == (None, None)
    for restart in (False, True):
        server = server.again() if restart else server
        back = server.connect()
        back.bind(1, need_ident=False)
        back.ident(1, client.file)
        assert back.error_answer().fields == [208, 1]
    assert operations(Client(server).received()) == operations([*DOG])


def test_what_was_integrated_is_acknowledged_before_the_reset() -> None:
    server = Operator()
    client = Client(server)
    client.upload(*DOG)
    client.version += 1
    base = client.binding.download[0]
    client.connection.upload(1, (3, base), [(3, base, 1, changeset(create("Dog", 1)))])
    assert server.ask("force_reset", client.file[0]) == (None, None)
    assert client.receive() == [208, 1]
    assert client.binding.upload[0] == 3


def test_a_client_file_that_nobody_has_cannot_be_reset() -> None:
    server = Operator()
    Client(server)
    assert server.ask("force_reset", 99) == ("There is no client file 99.", None)


def test_termination_forgets_client_files_and_keeps_the_objects() -> None:
    server = Operator()
    client = Client(server)
    client.upload(*DOG)
    client.upload(*(create("Dog", n) for n in range(3000)))
    client.upload(*(update("Dog", n, "name", "Rex" * 20) for n in range(3000)))
    task = server.runtime.terminate(APP, server.now)
    server.run()
    assert client.receive() == [208, 1]
    waiting = server.connect()
    waiting.bind(1)
    assert waiting.error_answer().fields == [229, 1]
    server.advance(5_000)
    assert ("administered", task, None, None, False) in server.events
    for restart in (False, True):
        at = server.again() if restart else server
        back = at.connect()
        back.bind(1, need_ident=False)
        back.ident(1, client.file)
        assert back.error_answer().fields == [208, 1]
        fresh = Client(at)
        assert fresh.file[0] > client.file[0]
        state = operations(fresh.received())
        assert state.count(("CreateObject", "Dog", None)) == 3000 + restart
        assert fresh.upload(create("Dog", -fresh.file[0])) is None


def test_nothing_of_a_task_is_left_when_the_server_dies_in_it() -> None:
    server = Operator()
    server.install(DOGS)
    client = Client(server)
    client.upload(*DOG, create("Dog", 1))
    assert not isinstance(server.store, str)
    server.store.fail_commit(stored=False)
    server.runtime.replace_schema(APP, [dog(NAME)], server.now)
    server.advance(5_000)
    after = server.again()
    assert set(after.classes()["Dog"]) == {"_id", "name", "age", "tags"}
    back = after.connect()
    back.bind(1, need_ident=False)
    back.bindings[1].newest_client_version = 2
    back.ident(1, client.file)
    assert [m.type for m in back.answers()] == ["download"]


def test_a_server_that_stops_takes_no_tasks() -> None:
    server = Operator()
    server.runtime.shutdown(server.now)
    assert server.ask("terminate")[0] == "The server is stopping"


# The partition's property


def test_objects_get_the_partition_that_they_do_not_have() -> None:
    server = Operator()
    server.configure(partition_key="realm", partition_type="string")
    writer, reader = Client(server, "p"), Client(server, "p")
    schema = (add_table("Dog"), add_column("Dog", "realm", 3, nullable=True))
    writer.upload(
        *schema,
        create("Dog", 1),
        create("Dog", 2),
        create("Dog", 3),
        create("Dog", 4),
        update("Dog", 2, "realm", "p"),
        update("Dog", 3, "realm", "q"),
        {"op": "EraseObject", "table": "Dog", "pk": {"t": "int", "v": 4}},
        time=10**15,
    )
    mine = writer.received()
    assert [(i["op"], i["pk"]["v"], i["value"]["v"]) for i in mine] == [
        ("Update", 1, "p"),
        ("Update", 3, "p"),
    ]
    assert operations(reader.received())[-2:] == operations(mine)
    writer.upload(update("Dog", 1, "realm", None))
    assert [i["value"]["v"] for i in writer.received()] == ["p"]
    head = writer.binding.download[0]
    writer.upload(update("Dog", 1, "realm", "p"))
    assert writer.binding.download[0] == head + 1  # its own: nothing to correct


@pytest.mark.parametrize(
    ("partition", "type_", "nullable", "corrected"),
    [
        ({"$numberLong": "7"}, 1, False, True),
        ({"$numberInt": "0"}, 1, False, False),  # what a new object has
        (None, 1, True, False),
        ({"$oid": "5f3f4e0d9c6b1d0001a1b2c3"}, 10, True, True),
        ({"$uuid": "00000000-0000-0000-0000-000000000001"}, 11, True, True),
        ("p", 1, True, False),  # of another type: left alone
    ],
)
def test_every_type_of_partition(
    partition: object, type_: int, nullable: bool, corrected: bool
) -> None:
    server = Operator()
    server.configure(partition_key="realm")
    client = Client(server, partition)
    column = add_column("Dog", "realm", type_, nullable=nullable)
    assert client.upload(add_table("Dog"), column, create("Dog", 1)) is None
    assert operations(client.received()) == [("Update", "Dog", "realm")] * corrected


def test_a_class_gets_the_property_only_if_it_is_declared() -> None:
    server = Operator()
    server.configure(partition_key="realm")
    client = Client(server)
    client.upload(add_table("Cat"), create("Cat", 1))
    assert client.received() == []
    server.install(dog(("realm", "string", True, None, None)), ("Cat", "top", "_id", [KEY]))
    server.configure(partition_key="realm", development_mode=False)
    client.upload(add_table("Dog"), create("Dog", 1), create("Cat", 2))
    assert operations(client.received()) == [
        ("AddColumn", "Dog", "realm"),
        ("Update", "Dog", "realm"),
    ]
    client.upload(create("Dog", 2), update("Dog", 2, "realm", "p"))
    assert client.received() == []


def test_the_correction_is_part_of_the_upload() -> None:
    server = Operator()
    server.configure(partition_key="realm")
    client = Client(server)
    client.upload(add_table("Dog"), add_column("Dog", "realm", 3), create("Dog", 1))
    after = Client(server.again())
    assert operations(after.received())[-1] == ("Update", "Dog", "realm")
    assert after.binding.download[0] == 2


def test_every_wrong_server_version_says_what_apps_search_for() -> None:
    server = Operator()
    client = Client(server)
    client.connection.upload(1, (2, 9), [])
    error = client.connection.error_answer()
    assert error.fields == [209, 1]
    assert "Bad server version" in error.json["message"]


def test_connections_of_other_apps_notice_nothing() -> None:
    server = Operator()
    client = Client(server)
    stranger: Connection = server.connect()
    server.runtime.configure_app("elsewhere", paused=True, now_ms=server.now)
    assert client.receive() is None and stranger.answers() == []
