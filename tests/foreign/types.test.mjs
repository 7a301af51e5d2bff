// Two devices exchange objects of every type (data-model.md 2, changeset-format.md 6).
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { device, LIMIT, settle } from "./device.mjs";

const optional = (type) => ({ type, optional: true });
const VALUES = ["bool", "int", "float", "double", "string", "data", "date", "decimal128", "objectId", "uuid"];

const SCHEMA = [
  {
    name: "Thing",
    primaryKey: "_id",
    properties: {
      _id: "string",
      ...Object.fromEntries(VALUES.map((type) => [`a_${type}`, optional(type)])),
      ...Object.fromEntries(VALUES.map((type) => [`list_${type}`, `${type}[]`])),
      ...Object.fromEntries(VALUES.map((type) => [`set_${type}`, `${type}<>`])),
      ...Object.fromEntries(VALUES.map((type) => [`dict_${type}`, `${type}{}`])),
      mixed: "mixed",
      list_mixed: "mixed[]",
      set_mixed: "mixed<>",
      dict_mixed: "mixed{}",
      counter: { type: "int", default: 0 },
      link: "Thing",
      links: "Thing[]",
      set_link: { type: "set", objectType: "Thing" },
      dict_link: { type: "dictionary", objectType: "Thing", optional: true },
      part: "Part",
      parts: "Part[]",
      dict_part: { type: "dictionary", objectType: "Part", optional: true },
    },
  },
  { name: "Part", embedded: true, properties: { name: "string", inner: "Inner", inners: "Inner[]" } },
  { name: "Inner", embedded: true, properties: { name: "string", innermost: "Innermost[]" } },
  { name: "Innermost", embedded: true, properties: { name: "string" } },
  { name: "Named", primaryKey: "_id", properties: { _id: "objectId", text: "string" } },
  { name: "Numbered", primaryKey: "_id", properties: { _id: "uuid", text: "string" } },
  { name: "Counted", primaryKey: "_id", properties: { _id: "int", text: "string" } },
];

function samples({ BSON }) {
  const bytes = new Uint8Array([0, 1, 254, 255]).buffer;
  return {
    bool: [true, false],
    int: [0, -1, 2 ** 40],
    float: [0, -1.5, 0.25],
    double: [0, -1e300, 0.1],
    string: ["", "é𝄞", "x".repeat(1000)],
    data: [new ArrayBuffer(0), bytes],
    date: [new Date(0), new Date(-1), new Date("2026-11-30T12:34:56.789Z")],
    decimal128: ["0", "-1.50", "1E+6000", "NaN", "Infinity"].map((text) => BSON.Decimal128.fromString(text)),
    objectId: [new BSON.ObjectId("000000000000000000000000"), new BSON.ObjectId()],
    uuid: [new BSON.UUID("00000000-0000-4000-8000-000000000000"), new BSON.UUID()],
  };
}

/** What an object holds as something that can be compared: links as keys, sets in an order. */
function plain(value, isInside = false) {
  if (value === null || typeof value !== "object") return value;
  const kind = value.constructor.name;
  const inner = (item) => plain(item, true);
  if (kind === "Dictionary")
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inner(item)]).sort());
  if (kind === "List") return [...value].map(inner);
  if (kind === "RealmSet") return [...value].map((item) => JSON.stringify(inner(item))).sort();
  if (kind === "Date") return `date ${value.getTime()}`;
  if (kind === "ArrayBuffer") return `data ${Buffer.from(value).toString("hex")}`;
  if (value._bsontype) return `${value._bsontype} ${value}`;
  const { properties, embedded } = value.objectSchema();
  if (isInside && !embedded) return `link ${value._id}`;
  return Object.fromEntries(Object.keys(properties).map((name) => [name, inner(value[name])]));
}

const content = (realm) => [...realm.objects("Thing").sorted("_id")].map((thing) => plain(thing));

let one, two, here, there;

before(async () => {
  [one, two] = [await device(), await device()];
  here = await one.open(await one.logIn(), SCHEMA, "open types");
  there = await two.open(await two.logIn(), SCHEMA, "open types");
});

const write = (realm, change) => realm.write(() => change(realm));

async function same() {
  await settle(here, there);
  const [expected, arrived] = [content(here), content(there)];
  assert.equal(arrived.length, expected.length);
  expected.forEach((thing, at) => assert.deepEqual(arrived[at], thing));
}

test("values, lists, sets, dictionaries", LIMIT, async () => {
  const thing = { _id: "all" };
  for (const [type, values] of Object.entries(samples(one.Realm))) {
    thing[`a_${type}`] = values.at(-1);
    thing[`list_${type}`] = values;
    thing[`set_${type}`] = values;
    thing[`dict_${type}`] = Object.fromEntries(values.map((value, at) => [`key ${at}`, value]));
  }
  const mixed = [null, ...Object.values(samples(one.Realm)).flat()];
  thing.list_mixed = mixed;
  thing.set_mixed = mixed;
  thing.dict_mixed = Object.fromEntries(mixed.map((value, at) => [`é${at}`, value]));
  write(here, (realm) => realm.create("Thing", thing));
  await same();
  const arrived = content(there)[0];
  assert.equal(arrived.list_mixed.length, mixed.length);
  assert.deepEqual(arrived.list_int, [0, -1, 2 ** 40]);
  assert.deepEqual(arrived.list_string, ["", "é𝄞", "x".repeat(1000)]);
});

test("each value in a mixed property, and nothing", LIMIT, async () => {
  write(here, (realm) => {
    for (const [type, values] of Object.entries(samples(one.Realm)))
      values.forEach((value, at) => realm.create("Thing", { _id: `${type} ${at}`, mixed: value, [`a_${type}`]: value }));
  });
  await same();
  write(there, (realm) => {
    for (const type of VALUES) {
      realm.objectForPrimaryKey("Thing", `${type} 0`).mixed = null;
      realm.objectForPrimaryKey("Thing", `${type} 1`)[`a_${type}`] = null;
    }
  });
  await same();
});

test("links", LIMIT, async () => {
  write(here, (realm) => {
    const [a, b] = ["link a", "link b"].map((_id) => realm.create("Thing", { _id }));
    a.link = b;
    b.link = b;
    a.links.push(b, a, b);
    a.set_link.add(b);
    a.dict_link.set({ b, nothing: null });
    a.mixed = b;
    a.list_mixed.push(b, 1);
  });
  await same();
  write(there, (realm) => realm.delete(realm.objectForPrimaryKey("Thing", "link b")));
  await same();
  const a = here.objectForPrimaryKey("Thing", "link a");
  assert.equal(a.link, null);
  assert.equal(a.links.length, 1);
});

test("embedded objects", LIMIT, async () => {
  const part = (name) => ({ name, inner: { name: "in", innermost: [{ name: "x" }, { name: "y" }] }, inners: [{ name: "i" }] });
  write(here, (realm) =>
    realm.create("Thing", {
      _id: "parts",
      part: part("one"),
      parts: [part("p"), part("q"), part("r")],
      dict_part: { k: part("k"), l: part("l") },
    })
  );
  await same();
  write(there, (realm) => {
    const thing = realm.objectForPrimaryKey("Thing", "parts");
    thing.part.inner.innermost.remove(0);
    thing.part.inner.name = "changed";
    thing.parts.splice(1, 1);
    thing.parts.push(part("other")); // this SDK takes an assignment for an insertion
    thing.dict_part.k.inner = null;
    thing.dict_part.remove("l");
  });
  await same();
  write(here, (realm) => (realm.objectForPrimaryKey("Thing", "parts").part = null));
  await same();
});

test("changes of lists, sets and dictionaries", LIMIT, async () => {
  write(here, (realm) => realm.create("Thing", { _id: "changes", list_int: [1, 2, 3, 4, 5] }));
  await same();
  write(there, (realm) => {
    const thing = realm.objectForPrimaryKey("Thing", "changes");
    thing.list_int.splice(1, 2, 7, 8, 9);
    thing.list_int[0] = -1;
    thing.list_int.move(0, 3);
    thing.set_string.add("a").add("b").add("a");
    thing.dict_double.set("x", 0.5);
  });
  await same();
  write(here, (realm) => {
    const thing = realm.objectForPrimaryKey("Thing", "changes");
    thing.list_int.swap(0, 4);
    thing.set_string.delete("a");
    thing.dict_double.remove("x");
  });
  await same();
  write(there, (realm) => {
    const thing = realm.objectForPrimaryKey("Thing", "changes");
    thing.list_int = [];
    thing.set_string.clear();
  });
  await same();
});

test("keys of every type", LIMIT, async () => {
  const { BSON } = one.Realm;
  write(here, (realm) => {
    realm.create("Named", { _id: new BSON.ObjectId(), text: "n" });
    realm.create("Numbered", { _id: new BSON.UUID(), text: "u" });
    realm.create("Counted", { _id: -(2 ** 40), text: "c" });
  });
  await settle(here, there);
  for (const name of ["Named", "Numbered", "Counted"])
    assert.deepEqual(plain(there.objects(name)[0]), plain(here.objects(name)[0]));
  write(there, (realm) => realm.delete(realm.objects("Named")));
  await settle(there, here);
  assert.equal(here.objects("Named").length, 0);
});

test("classes and properties that are added later", LIMIT, async () => {
  const user = await one.logIn();
  const before = [{ name: "Grows", primaryKey: "_id", properties: { _id: "int" } }];
  const later = [{ name: "Grows", primaryKey: "_id", properties: { _id: "int", text: "string?" } },
    { name: "New", primaryKey: "_id", properties: { _id: "int", of: "Grows" } }];
  const first = await one.open(user, before, "open growth");
  write(first, (realm) => realm.create("Grows", { _id: 1 }));
  await settle(first);
  const second = await two.open(await two.logIn(), later, "open growth");
  await settle(second);
  write(second, (realm) => realm.create("New", { _id: 1, of: realm.objectForPrimaryKey("Grows", 1) }));
  write(second, (realm) => (realm.objectForPrimaryKey("Grows", 1).text = "grown"));
  await settle(second, first);
  first.close();
  const again = await one.open(user, later, "open growth");
  assert.equal(again.objectForPrimaryKey("New", 1).of.text, "grown");
});
