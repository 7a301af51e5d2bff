"""What newcomers get wrong: each is refused by a documented error that says what was meant.

One table, a line per mistake: the statement, the class of the error, words of its message.
"""

from __future__ import annotations

import builtins
import dataclasses
import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy
import pytest
from bson import Decimal128, ObjectId

import realmsync
from realmsync import Float32, Realm, errors
from realmsync.account.app import AppConfigurationFields
from realmsync.model.configuration import ConfigurationFields


class Address(realmsync.EmbeddedObject):
    street: str


class Dog(realmsync.Object):
    _id: int = realmsync.primary_key()
    name: str
    age: int | None
    good: bool = True
    weight: float | None
    small: Float32 | None
    born: datetime | None
    price: Decimal128 | None
    chip: uuid.UUID | None
    ref: ObjectId | None
    raw: bytes | None
    any: Any
    tags: list[str]
    numbers: set[int]
    scores: dict[str, float]
    body_text: str | None = realmsync.property(map_to="body")


class Person(realmsync.Object):
    _id: str = realmsync.primary_key()
    dog: Dog | None
    dogs: list[Dog]
    friends: set[Dog]
    address: Address | None
    homes: list[Address]


class Note(realmsync.Object):
    text: str


class Cat(realmsync.Object):
    _id: int = realmsync.primary_key()


class Plain:
    name: str


async def forgotten() -> None:
    """A coroutine that nobody awaits."""


USED = {"date": date, "timedelta": timedelta, "Decimal": Decimal, "numpy": numpy, "Path": Path}
SCHEMA = [Address, Dog, Person, Note]
REX = {"_id": 1, "name": "Rex", "tags": ["a"], "numbers": {1}, "scores": {"a": 1.0}}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The names of the statements: a realm that is written to, one that is not, a closed one."""
    tmp_path = tmp_path_factory.mktemp("mistakes")
    realm, other, closed = (Realm(path=tmp_path / f"{n}.realm", schema=SCHEMA) for n in "abc")
    with other.write():
        stranger = other.create(Dog, REX)
    with closed.write():
        closed_rex = closed.create(Dog, REX)
    closed_tags, closed_dogs = closed_rex.tags, closed.objects(Dog)
    closed.close()
    realm.begin_transaction()
    rex = realm.create(Dog, REX)
    ada = realm.create(Person, {"_id": "ada", "dogs": [rex], "address": {"street": "High Street"}})
    gone = realm.create(Dog, {"_id": 99, "name": "Gone"})
    gone_tags, dogs = gone.tags, realm.objects(Dog)
    realm.delete(gone)
    (tmp_path / "sdk.realm").write_bytes(bytes(16) + b"T-DB" + bytes(4096))
    (tmp_path / "text.realm").write_text("no database " * 99)
    (tmp_path / "folder.realm").mkdir()
    coroutine = forgotten()
    yield {**globals(), **locals(), **USED, "at": str(tmp_path)}
    coroutine.close()
    realm.cancel_transaction()
    realm.close()
    other.close()


VALUES = [
    # which names there are
    ("realm.create(Dog, {'_id': 2, 'nmae': 'x'})", "InvalidProperty", "Did you mean 'name'"),
    ("realm.create(Dog, {'_id': 2, 'Name': 'x'})", "InvalidProperty", "Did you mean 'name'"),
    ("realm.create(Dog, {'_id': 2, 'name': 'x', 'qq': 1})", "InvalidProperty", "no property 'qq'"),
    ("realm.create(Dog, {'_id': 2, 'name': 'x', 5: 1})", "InvalidProperty", "no property 5"),
    ("realm.create(Dog, {'_id': 2, 'name': 'x', 'body': ''})", "InvalidProperty", "'body_text'"),
    ("realm.create(Dog, {'_id': 1, 'nme': 'x'}, 'modified')", "InvalidProperty", "'name'"),
    ("realm.create(Dog, {'_id': 1, 'nme': 'x'}, 'all')", "InvalidProperty", "'name'"),
    (
        "realm.create(Person, {'_id': 'b', 'dog': {'_id': 7, 'nme': 'x'}})",
        "InvalidProperty",
        "'Dog'",
    ),
    ("realm.create(Person, {'_id': 'b', 'dogs': [{'id': 7}]})", "InvalidProperty", "'Dog'"),
    (
        "realm.create(Person, {'_id': 'b', 'address': {'stret': 'x'}})",
        "InvalidProperty",
        "'street'",
    ),
    ("realm.create(Person, {'_id': 'b', 'homes': [{'zip': 'x'}]})", "InvalidProperty", "'zip'"),
    ("ada.address = {'stret': 'x'}", "InvalidProperty", "Did you mean 'street'"),
    ("ada.homes.append({'street': 'x', 'zip': 'y'})", "InvalidProperty", "'zip'"),
    ("rex.nmae = 'x'", "InvalidProperty", "Did you mean 'name'"),
    ("rex.tag = []", "InvalidProperty", "Did you mean 'tags'"),
    ("ada.address.strete = 'x'", "InvalidProperty", "Did you mean 'street'"),
    ("realm.create_many(Dog, [{'_id': 5, 'name': 'x', 'nme': 5}])", "InvalidProperty", "'name'"),
    (
        "realm.create_many(Dog, {'_id': [5], 'nmae': ['x']})",
        "InvalidProperty",
        "Did you mean 'name'",
    ),
    ("realm.create_many(Dog, {'_id': [5], 'body': ['x']})", "InvalidProperty", "'body_text'"),
    # what is missing, what is there already
    ("realm.create(Dog, {'name': 'x'})", "MissingPropertyValue", "'Dog._id'"),
    ("realm.create(Dog, {'_id': 2})", "MissingPropertyValue", "'Dog.name'"),
    ("realm.create(Dog, {'_id': 1, 'name': 'x'})", "ObjectAlreadyExists", "key value '1'"),
    ("ada.dog = {'_id': 1, 'name': 'x'}", "ObjectAlreadyExists", "'Dog'"),
    # classes and modes
    ("Dog(_id=1)", "ArgumentType", "realm.create(Dog, {...})"),
    ("Dog()", "ArgumentType", "realm.create(Dog, {...})"),
    ("Address(street='x')", "ArgumentType", "realm.create(Address, {...})"),
    ("realm.create('Dgo', {})", "NoSuchTable", "Did you mean 'Dog'"),
    ("realm.create(Cat, {'_id': 2})", "NoSuchTable", "'Cat' not found in schema"),
    ("realm.create(rex, {'_id': 2})", "ArgumentType", "class or its name, got one of type 'Dog'"),
    ("realm.create({'_id': 2}, Dog)", "ArgumentType", "got one of type 'dict'"),
    ("realm.create(Address, {'street': 'x'})", "IllegalOperation", "embedded"),
    ("realm.create(Dog, [2, 'x'])", "PropertyType", "Expected 'Dog' to be a mapping, got list"),
    ("realm.create(Dog, rex)", "PropertyType", "to be a mapping, got Dog"),
    ("realm.create(Dog, {'_id': 2}, 'update')", "InvalidArgument", "never, modified, all"),
    ("realm.create(Dog, {'_id': 2}, True)", "InvalidArgument", "unknown mode True"),
    ("realm.create(Dog, {'_id': 2}, [])", "InvalidArgument", "unknown mode []"),
    # wrong values, by type of property
    (
        "realm.create(Dog, {'_id': '2', 'name': 'x'})",
        "PropertyType",
        "'Dog._id' to be int, got str",
    ),
    ("realm.create(Dog, {'_id': 2.0, 'name': 'x'})", "PropertyType", "to be int, got float"),
    ("realm.create(Dog, {'_id': None, 'name': 'x'})", "PropertyNotNullable", "'Dog._id'"),
    ("realm.create(Dog, {'_id': True, 'name': 'x'})", "PropertyType", "to be int, got bool"),
    ("realm.create(Dog, {'_id': 2**64, 'name': 'x'})", "InvalidArgument", "64 bits"),
    ("rex.name = None", "PropertyNotNullable", "'Dog.name' is required"),
    ("rex.name = 5", "PropertyType", "to be str, got int"),
    ("rex.name = b'x'", "PropertyType", "to be str, got bytes"),
    ("rex.name = chr(0xd800)", "InvalidArgument", "lone surrogates"),
    ("rex.age = '3'", "PropertyType", "to be int, got str"),
    ("rex.age = 3.0", "PropertyType", "to be int, got float"),
    ("rex.age = True", "PropertyType", "to be int, got bool"),
    ("rex.age = 2**63", "InvalidArgument", "64 bits"),
    ("rex.age = -2**63 - 1", "InvalidArgument", "64 bits"),
    ("rex.good = 1", "PropertyType", "to be bool, got int"),
    ("rex.good = 'true'", "PropertyType", "to be bool, got str"),
    ("rex.good = None", "PropertyNotNullable", "'Dog.good'"),
    ("rex.weight = '3'", "PropertyType", "to be float, got str"),
    ("rex.weight = True", "PropertyType", "to be float, got bool"),
    ("rex.weight = Decimal('1.5')", "PropertyType", "to be float"),
    ("rex.weight = 10**400", "InvalidArgument", "too large"),
    ("rex.small = 'x'", "PropertyType", "to be float"),
    ("rex.born = '2024-01-01'", "PropertyType", "to be datetime, got str"),
    ("rex.born = datetime.now()", "InvalidArgument", "needs a time zone"),
    ("rex.born = date.today()", "PropertyType", "to be datetime, got datetime.date"),
    ("rex.born = 1700000000", "PropertyType", "to be datetime, got int"),
    ("rex.born = timedelta(1)", "PropertyType", "to be datetime"),
    ("rex.price = 1.5", "PropertyType", "to be Decimal128, got float"),
    ("rex.price = '1.5'", "PropertyType", "to be Decimal128, got str"),
    ("rex.price = Decimal('1.' + '1' * 50)", "InvalidArgument", "exactly"),
    ("rex.chip = '3b241101-e2bb-4255-8caf-4136c566a962'", "PropertyType", "to be UUID, got str"),
    ("rex.ref = '64b7f0c2e1a2b3c4d5e6f708'", "PropertyType", "to be ObjectId, got str"),
    ("rex.ref = uuid.uuid4()", "PropertyType", "to be ObjectId, got UUID"),
    ("rex.raw = 'x'", "PropertyType", "to be bytes, got str"),
    ("rex.raw = [1, 2]", "PropertyType", "to be bytes, got list"),
    ("rex.any = object()", "PropertyType", "mixed"),
    ("rex.any = {1, 2}", "PropertyType", "a set as a mixed value"),
    ("rex.any = {1: 2}", "PropertyType", "to be str, got int"),
    ("rex.any = {'$a': 2}", "InvalidDictionaryKey", "'$a'"),
    ("rex.any = {chr(0xd800): 1}", "InvalidArgument", "lone surrogates"),
    ("rex.any = [1, [2, chr(0xd800)]]", "InvalidArgument", "'Dog.any[1][1]'"),
    ("rex.any = datetime.now()", "InvalidArgument", "needs a time zone"),
    ("rex.any = 2**70", "InvalidArgument", "64 bits"),
    ("rex.any = numpy.array([1])", "PropertyType", "numpy.ndarray"),
    ("rex.any = stranger", "ObjectTypeMismatch", "another realm"),
    # collections
    ("rex.tags = 'abc'", "PropertyType", "to be a list, got str"),
    ("rex.tags = None", "PropertyNotNullable", "'Dog.tags'"),
    ("rex.tags = [1]", "PropertyType", "'Dog.tags[0]' to be str"),
    ("rex.tags = [None]", "PropertyNotNullable", "'Dog.tags[0]'"),
    ("rex.tags = {'a': 1}", "PropertyType", "to be a list, got dict"),
    ("rex.tags['x']", "ArgumentType", "int or slice, not str"),
    ("rex.tags[1.5]", "ArgumentType", "int or slice, not float"),
    ("rex.tags[5]", "OutOfBounds", "there are 1 elements"),
    ("rex.tags[2**70]", "OutOfBounds", "out of range"),
    ("rex.tags[5] = 'x'", "OutOfBounds", "out of range"),
    ("rex.tags['x'] = 'y'", "ArgumentType", "int or slice, not str"),
    ("rex.tags[0:1] = 5", "ArgumentType", "iterable of elements"),
    ("rex.tags.append(5)", "PropertyType", "'Dog.tags[1]' to be str, got int"),
    ("rex.tags.insert('x', 'y')", "ArgumentType", "int or slice, not str"),
    ("rex.tags.extend('abc')", "ArgumentType", "iterable of elements, got 'abc'"),
    ("rex.tags.pop(17)", "OutOfBounds", "index 17"),
    ("rex.tags.move(0, 9)", "OutOfBounds", "index 9"),
    ("rex.tags.push('x')", "InvalidProperty", "lists have append"),
    ("del rex.tags[9]", "OutOfBounds", "index 9"),
    ("rex.numbers = {'a'}", "PropertyType", "'Dog.numbers[]' to be int, got str"),
    ("rex.numbers = 5", "PropertyType", "to be a set, got int"),
    ("rex.numbers.add('x')", "PropertyType", "'Dog.numbers[]' to be int"),
    ("rex.numbers.add(None)", "PropertyNotNullable", "'Dog.numbers[]'"),
    ("rex.numbers.append(1)", "InvalidProperty", "'Set' has no attribute 'append'"),
    ("rex.scores = [1]", "PropertyType", "to be a mapping, got list"),
    ("rex.scores = {'a': 'x'}", "PropertyType", "to be float, got str"),
    ("rex.scores = {1: 1.0}", "PropertyType", "to be str, got int"),
    ("rex.scores['a.b'] = 1.0", "InvalidDictionaryKey", "'a.b'"),
    ("rex.scores[chr(0xd800)] = 1.0", "InvalidArgument", "lone surrogates"),
    ("rex.scores[chr(0xd800)]", "KeyNotFound", "ud800"),
    ("rex.scores['zz']", "KeyNotFound", "'zz'"),
    ("rex.scores[5]", "KeyNotFound", "5"),
    ("del rex.scores[chr(0xd800)]", "KeyNotFound", "ud800"),
    ("rex.scores.a", "InvalidProperty", "'Dictionary' has no attribute 'a'"),
    # links and embedded objects
    ("ada.dog = 'rex'", "PropertyType", "an object of class 'Dog', got str"),
    ("ada.dog = stranger", "ObjectTypeMismatch", "another realm"),
    ("ada.dog = ada", "ObjectTypeMismatch", "class 'Dog', got 'Person'"),
    ("ada.dog = gone", "InvalidatedObject", "deleted"),
    ("ada.dog = ada.address", "PropertyType", "class 'Dog', got Address"),
    ("ada.dogs = rex", "PropertyType", "to be a list, got Dog"),
    ("ada.dogs.append(None)", "PropertyNotNullable", "'Person.dogs[1]'"),
    ("ada.dogs.append(gone)", "InvalidatedObject", "deleted"),
    ("ada.dogs[0] = 5", "PropertyType", "'Person.dogs[0]'"),
    ("ada.friends.add({'_id': 5, 'name': 'x'})", "PropertyType", "class 'Dog', got dict"),
    ("ada.address = 5", "PropertyType", "to be a mapping, got int"),
    ("ada.address = rex", "IllegalOperation", "one owner"),
    ("ada.homes.append(ada.address)", "IllegalOperation", "one owner"),
    ("rex._id = 5", "ModifyPrimaryKey", "'Dog._id'"),
    ("del rex.name", "IllegalOperation", "cannot be deleted"),
    ("__import__('copy').deepcopy(rex)", "IllegalOperation", "to_dict()"),
    ("__import__('pickle').dumps(rex)", "IllegalOperation", "to_dict()"),
]
STATES = [
    ("gone.name", "InvalidatedObject", "deleted"),
    ("gone.name = 'x'", "InvalidatedObject", "deleted"),
    ("gone_tags.append('x')", "InvalidatedObject", "deleted"),
    ("realm.delete(gone)", "InvalidatedObject", "deleted"),
    ("closed_rex.name", "ClosedRealm", "closed"),
    ("closed_rex.name = 'x'", "ClosedRealm", "closed"),
    ("closed_tags[0]", "ClosedRealm", "closed"),
    ("closed_tags.clear()", "ClosedRealm", "closed"),
    ("len(closed_dogs)", "ClosedRealm", "closed"),
    ("closed.objects(Dog)", "ClosedRealm", "closed"),
    ("closed.create(Dog, {})", "ClosedRealm", "closed"),
    ("closed.write()", "ClosedRealm", "closed"),
    ("closed.delete(closed_rex)", "ClosedRealm", "closed"),
    ("other.create(Dog, {'_id': 5, 'name': 'x'})", "WrongTransactionState", "write transaction"),
    ("stranger.name = 'y'", "WrongTransactionState", "write transaction"),
    ("stranger.tags.append('x')", "WrongTransactionState", "write transaction"),
    ("other.delete(stranger)", "WrongTransactionState", "write transaction"),
    ("other.commit_transaction()", "WrongTransactionState", "transaction"),
    ("realm.begin_transaction()", "WrongTransactionState", "already"),
    ("realm.delete(stranger)", "ObjectTypeMismatch", "another realm"),
    ("realm.delete(1)", "InvalidArgument", "objects, lists and results"),
    ("realm.delete(Dog)", "InvalidArgument", "objects, lists and results"),
    ("realm.delete('Dog')", "InvalidArgument", "objects, lists and results"),
    ("realm.delete(None)", "InvalidArgument", "objects, lists and results"),
    ("other.write(5)", "ArgumentType", "function"),
    ("other.write(forgotten)", "InvalidArgument", "async with"),
    ("other.write(coroutine)", "InvalidArgument", "async with"),
]
NAMES = [
    ("dogs['x']", "ArgumentType", "int or slice, not str"),
    ("dogs[99]", "OutOfBounds", "index 99"),
    ("dogs[2**70]", "OutOfBounds", "out of range"),
    ("dogs.filter(1)", "InvalidProperty", "filtered('age > 3')"),
    ("dogs.filtered('age > ')", "QuerySyntax", "Invalid predicate"),
    ("dogs.where(Dog.age > 3 and Dog.good)", "ArgumentType", "write & for `and`"),
    ("dogs.first()", "InvalidProperty", "results[0]"),
    ("dogs.sum('agee')", "InvalidArgument", "Did you mean 'age'?"),
    ("dogs.order_by('age')", "InvalidProperty", "sorted('name')"),
    ("dogs.exclude(name='x')", "InvalidProperty", "write where(~"),
    ("dogs.to_list()", "InvalidProperty", "write list(results)"),
    ("dogs.addListener(print)", "InvalidProperty", "write add_listener(callback)"),
    ("rex.tags.addListener(print)", "InvalidProperty", "dog.add_listener(callback)"),
    ("realm.add_listener('change', print)", "InvalidProperty", "dog.add_listener(callback)"),
    ("realm.objectForPrimaryKey(Dog, 1)", "InvalidProperty", "'object_for_primary_key'"),
    ("realm.beginTransaction()", "InvalidProperty", "'begin_transaction'"),
    ("realm.syncSession", "InvalidProperty", "'sync_session'"),
    ("realm.add(rex)", "InvalidProperty", "create(cls, {...})"),
    ("realm.query(Dog)", "InvalidProperty", "objects"),
    ("realm.subscriptions", "IllegalOperation", "only be accessed if flexible sync is enabled"),
    ("realm.objects(Address)", "IllegalOperation", "embedded"),
    ("realm.objects(Cat)", "NoSuchTable", "'Cat'"),
    ("realm.objects('dog')", "NoSuchTable", "Did you mean 'Dog'"),
    ("realm.objects(rex)", "ArgumentType", "got one of type 'Dog'"),
    ("realm.objects([])", "ArgumentType", "got one of type 'list'"),
    ("realm.object_for_primary_key(Dog, '1')", "PropertyType", "to be int, got str"),
    ("realm.object_for_primary_key(Dog, 2**70)", "InvalidArgument", "64 bits"),
    ("realm.object_for_primary_key(Person, chr(0xd800))", "InvalidArgument", "surrogates"),
    ("realm.object_for_primary_key(Note, 5)", "MissingPrimaryKey", "'Note'"),
]
OPENING = [
    ("Realm('x.realm')", "ArgumentType", "Realm(path='x.realm')"),
    ("Realm(Path('x.realm'))", "ArgumentType", "Realm(path='x.realm')"),
    ("Realm.open('x.realm')", "ArgumentType", "Realm(path='x.realm')"),
    ("Realm.exists('x.realm')", "ArgumentType", "Realm(path='x.realm')"),
    ("Realm.delete_file('x.realm')", "ArgumentType", "Realm(path='x.realm')"),
    ("Realm([Dog])", "ArgumentType", "Realm(schema=[...])"),
    ("Realm(Dog)", "ArgumentType", "Realm(schema=[...])"),
    ("Realm(5)", "ArgumentType", "got 5"),
    ("Realm(coroutine)", "ArgumentType", "is an `await` missing?"),
    ("Realm(shema=[Dog])", "InvalidArgument", "Did you mean 'schema'"),
    ("Realm(schemaVersion=1)", "InvalidArgument", "Did you mean 'schema_version'"),
    ("Realm({'Schema': [Dog]})", "InvalidArgument", "Did you mean 'schema'"),
    ("Realm({'path': 'x'}, schema=[Dog])", "InvalidArgument", "not both"),
    ("Realm.exists(pth='x')", "InvalidArgument", "Did you mean 'path'"),
    ("realmsync.Configuration(shema=[Dog])", "InvalidArgument", "Did you mean 'schema'"),
    ("Realm(schema=Dog)", "ArgumentType", "a list of classes: [Dog]"),
    ("Realm(schema='Dog')", "ArgumentType", "a list of classes"),
    ("Realm(schema={'name': 'Dog'})", "ArgumentType", "a list of classes"),
    ("Realm(schema=5)", "ArgumentType", "a list of classes, got 5"),
    ("Realm(schema=['Dog'])", "InvalidArgument", "not their names"),
    ("Realm(schema=[rex])", "InvalidArgument", "instances"),
    ("Realm(schema=[Plain])", "InvalidArgument", "'Plain' of the schema does not derive"),
    ("Realm(schema=[realmsync.Object])", "InvalidArgument", "derive a class"),
    ("Realm(schema=[Person])", "SchemaValidation", "'Dog'"),
    ("Realm(schema=[Dog], schema_version='1')", "ArgumentType", "an int, got '1'"),
    ("Realm(schema=[Dog], durability='none')", "InvalidArgument", "durability"),
    ("Realm(sync=True)", "ArgumentType", "SyncConfiguration"),
    ("Realm(sync={'partitionValue': 'x'})", "ArgumentType", "SyncConfiguration"),
    ("Realm(sync=realmsync.SyncConfiguration)", "ArgumentType", "got <class"),
    ("Realm(sync=coroutine)", "ArgumentType", "is an `await` missing?"),
    ("Realm(path='')", "InvalidArgument", "empty"),
    ("Realm(path=5)", "ArgumentType", "to be a str or a Path, got 5"),
    ("Realm(path=b'x')", "ArgumentType", "to be a str or a Path"),
    ("Realm(path=at + '/a' + chr(0) + 'b')", "InvalidArgument", "NUL"),
    ("Realm(path=at + '/' + chr(0xd800))", "InvalidArgument", "surrogates"),
    ("Realm(path=at + '/' + 'x' * 300)", "Storage", "name too long"),
    ("Realm(path=at + '/folder.realm')", "InvalidDatabase", "is a directory"),
    ("Realm(path=at + '/sdk.realm')", "InvalidDatabase", "of a Realm SDK"),
    ("Realm(path=at + '/text.realm')", "InvalidDatabase", "not a realm file"),
    ("Realm(path=at + '/text.realm/x.realm')", "Storage", "cannot make the folder"),
    ("Realm(path='/proc/x.realm')", "Storage", "/proc/x.realm"),
    ("Realm.delete_file(path=at + '/folder.realm')", "Storage", "directory"),
    ("realmsync.App('')", "ArgumentType", "non-empty"),
    ("realmsync.App('x', baseUrl='http://localhost')", "InvalidArgument", "'base_url'"),
    ("realmsync.App('x', base_url=5)", "ArgumentType", "a string, got 5"),
    ("realmsync.App('x', timeout='5')", "ArgumentType", "seconds, got '5'"),
    ("realmsync.App('x', metadata_mode='memory')", "InvalidArgument", "'inMemory'"),
    ("realmsync.App('x', base_file_path=5)", "ArgumentType", "'base_file_path'"),
    ("realmsync.AppConfiguration()", "ArgumentType", "'id'"),
    ("realmsync.SyncConfiguration()", "ArgumentType", "'user'"),
    ("realmsync.SyncConfiguration(user=5)", "ArgumentType", "'user' to be a User, got 5"),
    ("realmsync.SyncConfiguration(user=coroutine)", "ArgumentType", "is an `await` missing?"),
    ("realmsync.SyncConfiguration(partitionValue=5)", "InvalidArgument", "'partition_value'"),
    ("realmsync.ClientResetConfiguration(mode='auto')", "InvalidArgument", "'manual'"),
    ("realmsync.ClientResetConfiguration(onManual=print)", "InvalidArgument", "'on_manual'"),
    ("realmsync.SSLConfiguration(certificatePath='x')", "InvalidArgument", "'certificate_path'"),
    ("realmsync.SSLConfiguration(certificate_path=5)", "ArgumentType", "'certificate_path'"),
    ("realmsync.SSLConfiguration(certificate_path='x.pem')", "InvalidArgument", "'x.pem' is no"),
    ("realmsync.SSLConfiguration(certificate_path=__file__)", "InvalidArgument", "is no readable"),
    ("realmsync.Realm(path='v.realm', schema_version=-1)", "InvalidArgument", "counts from 0"),
    ("realmsync.Timestamp(1.5)", "ArgumentType", "ints"),
    ("realmsync.Timestamp(2**70)", "InvalidArgument", "64 bits"),
    ("Float32('x')", "ArgumentType", "a number"),
]
BULK = [
    ("realm.create_many(Dog, None)", "ArgumentType", "got None"),
    ("realm.create_many(Dog, 5)", "ArgumentType", "got 5"),
    ("realm.create_many(Dog, 'x')", "ArgumentType", "got 'x'"),
    ("realm.create_many(Dog, [5])", "PropertyType", "to be a mapping, got int"),
    ("realm.create_many(Dog, {'_id': 5, 'name': 'x'})", "ArgumentType", "a value for each object"),
    (
        "realm.create_many(Dog, {'_id': [5], 'name': 'x'})",
        "ArgumentType",
        "a value for each object",
    ),
    ("realm.create_many(Dog, {'_id': [5, 6], 'name': ['x']})", "InvalidArgument", "length"),
    ("realm.create_many(Dog, {'_id': [5, 5], 'name': ['x', 'y']})", "ObjectAlreadyExists", "'5'"),
    ("realm.create_many(Dog, {'_id': [5], 'name': [None]})", "PropertyNotNullable", "[0]"),
    ("realm.create_many(Dog, {'_id': [5, 6], 'name': ['x', 7]})", "PropertyType", "'Dog.name[1]'"),
    ("realm.create_many(Dog, {'_id': [5], 'name': numpy.array([5])})", "PropertyType", "int64"),
    ("realm.create_many(Dog, {})", "InvalidArgument", "no columns"),
    ("realm.create_many(Dog, numpy.array([[1, 2]]))", "PropertyType", "numpy.ndarray"),
    ("realm.create_many(Dog, {'_id': numpy.array([[1]])})", "InvalidArgument", "one dimension"),
    ("other.create_many(Dog, [], transaction_size='5')", "ArgumentType", "an int, not '5'"),
    ("other.create_many(Dog, [], transaction_size=0)", "InvalidArgument", "at least 1"),
]


@pytest.mark.parametrize(
    ("statement", "error", "words"),
    [pytest.param(*case, id=case[0]) for case in VALUES + STATES + NAMES + OPENING + BULK],
)
def test_a_mistake_is_explained(
    statement: str, error: str, words: str, names: dict[str, Any]
) -> None:
    with pytest.raises(getattr(errors, f"{error}Error")) as raised:
        exec(statement, names)
    assert type(raised.value).__name__ == f"{error}Error"
    assert words in str(raised.value)
    assert "incompatible function arguments" not in str(raised.value)


def test_accessors_say_why_they_show_nothing(names: dict[str, Any]) -> None:
    shown = {name: repr(names[name]) for name in ("gone", "gone_tags", "closed_rex", "closed_tags")}
    assert shown == {
        "gone": "<Dog: deleted>",
        "gone_tags": "<List: deleted>",
        "closed_rex": "<Dog: closed realm>",
        "closed_tags": "<List: closed realm>",
    }
    assert repr(names["closed_dogs"]) == "<Results of Dog: closed realm>"
    assert repr(names["rex"].numbers) == "{1}" and repr(names["rex"].scores) == "{'a': 1.0}"


def test_a_missing_name_is_missing(names: dict[str, Any]) -> None:
    for name in ("realm", "dogs", "rex"):
        assert not hasattr(names[name], "fetched") and not hasattr(names[name], "__deepcopy__")


async def test_a_forgotten_await(tmp_path: Path) -> None:
    opening: Any = Realm.open(path=tmp_path / "r.realm", schema=[Dog])
    with pytest.raises(errors.InvalidPropertyError, match="an `await` is missing"):
        opening.objects(Dog)
    (await opening).close()


def test_changing_what_is_walked_through(names: dict[str, Any]) -> None:
    rex, realm = names["rex"], names["realm"]
    for tag in rex.tags:  # a copy, as the documentation says
        rex.tags.append(tag * 2)
    for key in rex.scores:
        del rex.scores[key]
    assert (list(rex.tags), dict(rex.scores)) == (["a", "aa"], {})
    for note in realm.objects(Note):
        realm.delete(note)
    assert len(realm.objects(Note)) == 0


def test_the_star_replaces_no_builtin() -> None:
    names: dict[str, Any] = {}
    exec("from realmsync import *", names)
    assert not {n for n in names if hasattr(builtins, n) and not n.startswith("__")}
    assert "property" not in realmsync.__all__ and callable(realmsync.property)


def test_configurations_have_the_fields_that_editors_show() -> None:
    for fields, shown in (
        (realmsync.Configuration, ConfigurationFields),
        (realmsync.AppConfiguration, AppConfigurationFields),
    ):
        names = {field.name for field in dataclasses.fields(fields)} - {"id"}
        assert names == set(shown.__annotations__)
