"""Random transactions as an SDK would write them: valid for a given state, with right sizes.

A transaction is generated from `state()` of a peer, which is changed along, so that every
instruction fits the state that the ones before it left. What reaches the known defects of
merge-rules.md 5 is generated only if it is asked for: `reach` names them, "R1" to "R9". Running
peers against each other is star.py's work."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from typing import Any

from instructions import Instruction, on
from merge.places import (
    CLASS_C,
    COLUMNS,
    DICTIONARY,
    LATE,
    LIST,
    SET,
    Payload,
    Place,
    State,
    Step,
    embedded_places,
    empty,
    is_int,
    key_of,
    mixed_places,
    places,
    same_kind,
    shown,
)

NULL: Payload = {"t": "null"}
OBJECT: Payload = {"t": "object_value"}
ERASED: Payload = {"t": "erased"}


@dataclass(frozen=True)
class Topic:
    """What the peers of one run write about: few fields of few objects, so that they meet."""

    keys: int = 5  # number of objects of class A
    names: int = 2  # number of keys in dictionaries, of either kind
    length: int = 8  # of lists
    tables: float = 1 / 8  # share of changes to whole objects and to the schema
    fields: frozenset[str] = frozenset([*COLUMNS["A"], *LATE, "v"])
    reach: frozenset[str] = frozenset()
    nested: bool = True  # collections in Mixed

    @classmethod
    def random(cls, rng: random.Random, reach: frozenset[str] = frozenset()) -> Topic:
        every = sorted(cls.fields)
        chosen = rng.sample(every, rng.choice((1, 2, 3, 6, len(every))))
        return cls(
            keys=rng.randint(1, 5),
            names=rng.choice((2, 8)),
            length=rng.choice((4, 8, 30)),
            tables=rng.choice((1 / 8, 1 / 8, 1 / 60)),
            fields=frozenset(chosen),
            reach=reach,
        )


class Generator:
    """The transactions of one peer."""

    def __init__(self, rng: random.Random, ident: int, topic: Topic) -> None:
        self.rng = rng
        self.ident = ident
        self.topic = topic
        self.reach = topic.reach
        self.out: list[Instruction] = []
        self.state: State = {}
        self.late: set[str] = set()  # properties of class A that were added later, as far as
        self.sure = False  # its objects show
        self.target: tuple[str, int | str] = ("A", 0)

    def transaction(self, state: State, most: int = 3) -> list[Instruction]:
        """For a file in this state, which is changed along. Now and then there is nothing to do."""
        self.state, self.out = state, []
        self.late = {name for obj in state["A"][:1] for name in obj if name in LATE}
        # Without objects nothing shows the properties; adding one again is no mistake.
        self.sure = bool(state["A"])
        wanted = self.rng.randint(1, most)
        for _ in range(100):
            if len(self.out) >= wanted:
                break
            self.write()
        return self.out

    def write(self) -> None:
        objects = [(table, obj) for table in self.state for obj in self.state[table]]
        if not objects or self.rng.random() < self.topic.tables:
            self.table_level()
            return
        table, obj = self.rng.choice(objects)
        found = [p for p in places(table, obj) if p.field in self.topic.fields]
        # Nested places are as likely as the properties above them, all together.
        deep = [p for p in found if p.path]
        chosen = deep if deep and self.rng.random() < 0.5 else found
        # Lists are where most can go wrong.
        lists = [p for p in chosen if p.kind == "list"]
        chosen = lists if lists and self.rng.random() < 0.5 else chosen
        if chosen:
            self.target = (table, key_of(obj))
            place = self.rng.choice(chosen)
            getattr(self, f"write_{place.kind}")(place)

    def pick(self, **weights: int) -> str:
        return self.rng.choices(list(weights), list(weights.values()))[0]

    def emit(self, op: str, place: Place, *path: Step, **fields: Any) -> None:
        table, key = self.target
        self.out.append(on(op, table, key, place.field, *place.path, *path) | fields)

    # -- objects and schema ------------------------------------------------------------------------

    def table_level(self) -> None:
        match self.pick(create=100, erase=60, schema=20, unmake=15 if "R6" in self.reach else 0):
            case "create":
                self.create_object()
            case "erase":
                self.erase_object()
            case "schema":
                self.add_schema()
            case "unmake":
                self.erase_schema()

    def pick_table(self) -> str:
        return self.pick(A=5, B=1, C=1 if "C" in self.state else 0)

    def create_object(self) -> None:
        table = self.pick_table()
        number = self.rng.randrange(self.topic.keys)
        key: int | str = f"b{number % 2}" if table == "B" else number
        if any(key_of(o) == key for o in self.state[table]):
            return
        self.out.append(on("CreateObject", table, key))
        columns = COLUMNS[table] | ({n: LATE[n] for n in self.late} if table == "A" else {})
        obj = {"_id": {"$numberLong": str(key)} if isinstance(key, int) else key}
        obj |= {name: empty(column) for name, column in columns.items()}
        self.state[table].append(obj)
        self.target = (table, key)
        registers = [
            p
            for p in places(table, obj)
            if p.kind == "register" and p.element != "E" and p.field in self.topic.fields
        ]
        for place in self.rng.sample(registers, min(2, len(registers))):
            if (payload := self.payload(place.element, place.nullable)) and payload != NULL:
                self.emit("Update", place, value=payload, is_default=self.rng.random() < 0.6)
                place.holder[place.key] = shown(payload)

    def erase_object(self) -> None:
        table = self.pick_table()
        if not self.state[table]:
            return
        obj = self.rng.choice(self.state[table])
        link = {"$link": {"table": table, "key": obj["_id"]}}
        for other in self.state["A"]:
            self.target = ("A", key_of(other))
            for place in places("A", other):
                self.unlink(place, link)
        self.out.append(on("EraseObject", table, key_of(obj)))
        self.state[table].remove(obj)

    def unlink(self, place: Place, link: Any) -> None:
        """What the deletion of an object does to a place that links to it."""
        match place.kind:
            case "register" if place.holder[place.key] == link:
                self.emit("Update", place, value=NULL, is_default=False)
                place.holder[place.key] = None
            case "list":
                for at in reversed([n for n, v in enumerate(place.holder) if v == link]):
                    self.erase_element(place, at)
            case "dictionary":
                for key in [k for k, v in place.holder.items() if v == link]:
                    self.emit("Update", place, key, value=NULL, is_default=False)
                    place.holder[key] = None
            case "set" if link in place.holder and "R5" in self.reach:
                self.emit("SetErase", place, value=self.link_payload(link))
                place.holder.remove(link)

    def add_schema(self) -> None:
        name = self.rng.choice(["C", *LATE])
        if name == "C":
            if "C" not in self.state:
                self.out += [dict(i) for i in CLASS_C]
                self.state["C"] = []
        elif name not in self.late and (name != "n4" or "C" in self.state):
            self.out.append(LATE[name].instruction("A", name))
            self.late.add(name)
            for obj in self.state["A"]:
                obj[name] = empty(LATE[name])

    def erase_schema(self) -> None:
        name = self.rng.choice(["C", *LATE])
        if name == "C" and "C" in self.state and self.sure and "n4" not in self.late:
            self.out.append({"op": "EraseTable", "table": "C"})
            del self.state["C"]
        elif name in self.late:
            self.out.append({"op": "EraseColumn", "table": "A", "field": name})
            self.late.remove(name)
            for obj in self.state["A"]:
                del obj[name]

    # -- values ------------------------------------------------------------------------------------

    def payload(self, element: str, nullable: bool) -> Payload | None:
        """None if there is none, such as a link without objects."""
        if nullable and self.rng.random() < 1 / 7:
            return NULL
        match element:
            case "int":
                return {"t": "int", "v": self.rng.randrange(10)}
            case "string":
                return {"t": "string", "v": self.rng.choice("abcd")}
            case "mixed":
                return self.payload(self.pick(int=4, string=2, double=1, null=1, A=2), False)
            case "double":
                bits = struct.pack("<d", self.rng.randrange(10) / 2)
                return {"t": "double", "hex_le": bits.hex()}
            case "null":
                return NULL
            case "E":
                return OBJECT
        if not self.state[element]:
            return None
        key = self.rng.choice(self.state[element])["_id"]
        return self.link_payload({"$link": {"table": element, "key": key}})

    def link_payload(self, link: Any) -> Payload:
        key = key_of({"_id": link["$link"]["key"]})
        tag = "int" if isinstance(key, int) else "string"
        return {"t": "link", "table": link["$link"]["table"], "pk": {"t": tag, "v": key}}

    def assign(self, place: Place, key: Any, payload: Payload, *path: Step) -> None:
        """Puts a value where an instruction just wrote it, `place.holder[key]`, and fills it if it
        is a collection or an embedded object."""
        old, new = place.holder[key], shown(payload)
        place.holder[key] = new
        if payload == OBJECT:
            inner = embedded_places(place.field, (*place.path, *path), new)
            some = self.rng.choice([p for p in inner if p.element == "int"])
            self.write_register(some) if some.kind == "register" else self.insert(some, 0)
        elif payload["t"] in ("list", "dictionary"):
            if "R4" not in self.reach or self.rng.random() < 0.7:
                kind = LIST if payload["t"] == "list" else DICTIONARY
                self.emit("Clear", place, *path, collection=kind)
            elif same_kind(old, new):  # keeps what it holds
                new = place.holder[key] = old
            inner_place = next(mixed_places(place.field, (*place.path, *path), new))
            for _ in range(self.rng.randrange(3)):
                if inner_place.kind == "list":
                    self.insert(inner_place, len(inner_place.holder))
                else:
                    self.set_key(inner_place)

    def new_value(self, place: Place) -> Payload | None:
        """A payload for a place or its elements."""
        if self.wants_collection(place):
            return {"t": self.rng.choice(("list", "dictionary"))}
        return self.payload(place.element, place.nullable)

    def wants_collection(self, place: Place) -> bool:
        if place.element != "mixed" or len(place.path) > 2 or self.rng.random() > 0.3:
            return False
        if not self.topic.nested:
            return False
        return place.kind != "list" or "R2" in self.reach

    # -- registers ---------------------------------------------------------------------------------

    def write_register(self, place: Place) -> None:
        value = place.holder[place.key]
        if place.element == "E":
            self.write_embedded(place, value)
        elif is_int(value) and place.element in ("int", "mixed") and self.rng.random() < 1 / 3:
            amount = self.rng.randrange(-5, 6)
            self.emit("AddInteger", place, value=amount)
            place.holder[place.key] = {"$numberLong": str(int(value["$numberLong"]) + amount)}
        elif payload := self.new_value(place):
            self.set_register(place, payload)

    def set_register(self, place: Place, payload: Payload) -> None:
        self.emit("Update", place, value=payload, is_default=False)
        self.assign(place, place.key, payload)

    def write_embedded(self, place: Place, value: Any) -> None:
        if len(place.path) > 3:
            return
        if value is not None:
            self.set_register(place, NULL)
        if value is None or self.rng.random() < 0.5:
            self.set_register(place, OBJECT)

    # -- lists -------------------------------------------------------------------------------------

    def write_list(self, place: Place) -> None:
        size = len(place.holder)
        op = self.pick(insert=100, set=80, erase=70, move=50, clear=4)
        if op == "insert" and size < self.topic.length:
            self.insert(place, self.rng.randint(0, size))
        elif op == "set" and size:
            self.set_element(place, self.rng.randrange(size))
        elif op == "erase" and size:
            self.erase_element(place, self.rng.randrange(size))
        elif op == "move" and size > 1 and self.may_move(place):
            start, to = self.rng.sample(range(size), 2)
            self.emit("ArrayMove", place, start, ndx_2=to, prior_size=size)
            place.holder.insert(to, place.holder.pop(start))
        elif op == "clear" and (size or place.nested):
            self.emit("Clear", place, collection=LIST)
            place.holder.clear()

    def may_move(self, place: Place) -> bool:
        """Others may write below the elements of lists of embedded objects and of collections."""
        below = place.element == "E" or (place.element == "mixed" and "R2" in self.reach)
        return not below or "R1" in self.reach

    def insert(self, place: Place, at: int) -> None:
        if payload := self.new_value(place):
            self.emit("ArrayInsert", place, at, value=payload, prior_size=len(place.holder))
            place.holder.insert(at, None)
            self.assign(place, at, payload, at)

    def set_element(self, place: Place, at: int) -> None:
        if place.element == "E":
            self.erase_element(place, at)
            self.insert(place, at)
        elif payload := self.new_value(place):
            self.emit("Update", place, at, value=payload, prior_size=len(place.holder))
            self.assign(place, at, payload, at)

    def erase_element(self, place: Place, at: int) -> None:
        self.emit("ArrayErase", place, at, prior_size=len(place.holder))
        del place.holder[at]

    # -- dictionaries and sets ---------------------------------------------------------------------

    def write_dictionary(self, place: Place) -> None:
        op = self.pick(set=60, erase=30, clear=3)
        # Keys of collections are erased only if R3 is to be met.
        erasable = [k for k in place.holder if k[0] != "c" or "R3" in self.reach]
        if op == "set":
            self.set_key(place)
        elif op == "erase" and erasable:
            key = self.rng.choice(erasable)
            self.emit("Update", place, key, value=ERASED, is_default=False)
            del place.holder[key]
        elif op == "clear" and (place.holder or place.nested):
            self.emit("Clear", place, collection=DICTIONARY)
            place.holder.clear()

    def set_key(self, place: Place) -> None:
        payload = self.new_value(place)
        if payload is None:
            return
        collection = payload["t"] in ("list", "dictionary")
        key = f"{'c' if collection else self.pick(k=4, c=1)}{self.rng.randrange(self.topic.names)}"
        if place.element == "E" and "R8" not in self.reach:
            key = f"p{self.ident}"  # nobody else makes this one
            if key in place.holder:
                return
        self.emit("Update", place, key, value=payload, is_default=False)
        place.holder.setdefault(key, None)
        self.assign(place, key, payload, key)

    def write_set(self, place: Place) -> None:
        op = self.pick(insert=60, erase=40, clear=3)
        comparable = place.element == "int" or "R5" in self.reach
        if op == "clear" and place.holder:
            self.emit("Clear", place, collection=SET)
            place.holder.clear()
            return
        element = place.element
        if element == "mixed":
            element = self.pick(int=2, string=2, double=3 if "R9" in self.reach else 0)
        payload = self.payload(element, False)
        if payload is None:
            return
        value = shown(payload)
        if op == "insert" and value not in place.holder:
            self.emit("SetInsert", place, value=payload)
            place.holder.append(value)
        elif op == "erase" and value in place.holder and (comparable or element == "int"):
            self.emit("SetErase", place, value=payload)
            place.holder.remove(value)
