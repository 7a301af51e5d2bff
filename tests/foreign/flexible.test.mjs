// Flexible sync: subscriptions that change, objects that enter and leave, writes that are taken back,
// refused queries, asymmetric classes (flexible-sync.md 3, 7, 9, 11 and 13).
import assert from "node:assert/strict";
import { before, beforeEach, test } from "node:test";
import { device, errorsOf, LIMIT, settle, until } from "./device.mjs";

const TASK = {
  name: "Task",
  primaryKey: "_id",
  properties: { _id: "int", owner: "string?", board: "string?", text: "string?" },
};
const MEASUREMENT = {
  name: "Measurement",
  asymmetric: true,
  primaryKey: "_id",
  properties: { _id: "int", owner: "string?" },
};
const NAMED = { name: "Named", primaryKey: "_id", properties: { _id: "string", owner: "string?", text: "string?" } };
const MANY = 5_000;
const keys = (realm) => [...realm.objects("Task")].map(({ _id }) => Number(_id)).sort((a, b) => a - b);
const of = (board) => (realm) => realm.objects("Task").filtered("board == $0", board);
const add = (realm, owner, board, ...ids) =>
  realm.write(() => ids.forEach((_id) => realm.create("Task", { _id, owner: owner.id, board, text: `task ${_id}` })));

let one, other, ada, eve;
const holds = (realm, ids) => until(() => String(keys(realm)) === String(ids), `${ids}, not ${keys(realm).slice(0, 9)}`);

/** A realm that is subscribed to a board. */
async function open(device, user, board, sync = {}, schema = [TASK]) {
  const realm = await device.Realm.open({ schema, sync: { user, flexible: true, ...device.atOnce, ...sync } });
  await realm.subscriptions.update((set) => {
    set.removeAll();
    set.add(of(board)(realm), { name: "board" });
  });
  return realm;
}

before(async () => {
  [one, other] = [await device("foreign-flexible"), await device("foreign-flexible")];
});

beforeEach(async () => {
  [ada, eve] = [await one.logIn(), await other.logIn()];
});

test("subscriptions change what a realm holds", LIMIT, async () => {
  const [author, reader] = [await open(one, ada, "a"), await open(other, eve, "a")];
  add(author, ada, "a", 1, 2);
  await settle(author, reader);
  await holds(reader, [1, 2]);
  await author.subscriptions.update((set) => set.add(of("b")(author)));
  add(author, ada, "b", 3);
  await settle(author, reader);
  await holds(reader, [1, 2]);
  await reader.subscriptions.update((set) => set.add(of("b")(reader), { name: "second" }));
  await holds(reader, [1, 2, 3]);
  await reader.subscriptions.update((set) => set.removeByName("board"));
  await holds(reader, [3]);
  author.close();
  reader.close();
});

test("objects enter and leave by edits of others", LIMIT, async () => {
  const [author, reader] = [await open(one, ada, "c"), await open(other, eve, "d")];
  await author.subscriptions.update((set) => set.add(of("d")(author)));
  add(author, ada, "c", 10, 11);
  await settle(author, reader);
  await holds(reader, []);
  author.write(() => (author.objectForPrimaryKey("Task", 10).board = "d"));
  await until(() => keys(reader).length === 1, "an object enters");
  assert.equal(reader.objectForPrimaryKey("Task", 10).text, "task 10");
  author.write(() => (author.objectForPrimaryKey("Task", 10).text = "steady"));
  await until(() => reader.objectForPrimaryKey("Task", 10).text === "steady", "an edit comes");
  author.write(() => (author.objectForPrimaryKey("Task", 10).board = "c"));
  await until(() => keys(reader).length === 0, "an object leaves");
  author.close();
  reader.close();
});

test("what is not allowed is taken back, and told", LIMIT, async () => {
  const errors = errorsOf();
  const schema = [TASK, NAMED];
  const [author, reader] = [await open(one, ada, "e", {}, schema), await open(other, eve, "e", errors.config, schema)];
  for (const realm of [author, reader]) await realm.subscriptions.update((set) => set.add(realm.objects("Named")));
  const name = (realm, owner, _id) => realm.write(() => realm.create("Named", { _id, owner: owner.id, text: "first" }));
  const names = (realm) => [...realm.objects("Named")].map(({ _id, text }) => `${_id} ${text}`).sort().join();
  name(author, ada, "x");
  await settle(author, reader);
  await until(() => names(reader) === "x first");
  reader.write(() => (reader.objectForPrimaryKey("Named", "x").text = "mine"));
  name(reader, ada, "y");
  name(reader, eve, "z");
  const error = await errors.next();
  assert.equal(error.constructor.name, "CompensatingWriteError");
  await settle(reader, author);
  for (const realm of [author, reader]) await until(() => names(realm) === "x first,z first");
  author.close();
  reader.close();
});

test("a bootstrap of many, and a subscription that ends", LIMIT, async () => {
  const [author, reader] = [await open(one, ada, "f"), await open(other, eve, "g")];
  const ids = Array.from({ length: MANY }, (_, i) => 1000 + i);
  add(author, ada, "f", ...ids);
  await settle(author);
  await reader.subscriptions.update((set) => set.add(of("f")(reader), { name: "board" }));
  await holds(reader, ids);
  await reader.subscriptions.update((set) => set.removeAll());
  await holds(reader, []);
  author.close();
  reader.close();
});

test("asymmetric objects do not come back", LIMIT, async () => {
  const errors = errorsOf();
  const realm = await open(one, ada, "h", errors.config, [TASK, MEASUREMENT]);
  realm.write(() => [1, 2, 3].forEach((_id) => realm.create("Measurement", { _id, owner: ada.id })));
  add(realm, ada, "h", 30);
  await settle(realm);
  await holds(realm, [30]);
  realm.write(() => realm.create("Measurement", { _id: 4, owner: eve.id }));
  assert.match((await errors.next()).message, /not allowed/);
  add(realm, ada, "h", 31);
  await settle(realm);
  await holds(realm, [30, 31]);
  realm.close();
});
