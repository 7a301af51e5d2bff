// What the rules of the app allow, and users whom the operator locks out
// (app-configuration.md 5.3, 5.6, server-behaviour.md 13).
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { device, errorsOf, LIMIT, operator, settle } from "./device.mjs";

const SCHEMA = [{ name: "Note", primaryKey: "_id", properties: { _id: "int", text: "string?" } }];
const add = (realm, _id) => realm.write(() => realm.create("Note", { _id }));
const count = (realm) => realm.objects("Note").length;

let phone, open;

before(async () => {
  phone = await device();
  open = phone.open;
});

test("a user has a partition of his own", LIMIT, async () => {
  const [ada, eve] = [await phone.logIn(), await phone.logIn()];
  const own = await open(ada, SCHEMA, ada.id);
  add(own, 1);
  await settle(own);
  const errors = errorsOf();
  const foreign = await open(eve, SCHEMA, ada.id, { ...errors.config, ...phone.atOnce });
  const error = await errors.next();
  assert.match(error.message, /may not read/);
  assert.equal(count(foreign), 0);
  await settle(own);
});

test("what may only be read", LIMIT, async () => {
  const errors = errorsOf();
  const reader = await open(await phone.logIn(), SCHEMA, "news today", errors.config);
  await settle(reader);
  add(reader, 1);
  const error = await errors.next();
  assert.match(error.message, /only read/);
  const other = await open(await phone.logIn(), SCHEMA, "news today");
  await settle(other);
  assert.equal(count(other), 0);
});

test("opening waits for what it may not have", LIMIT, async () => {
  await assert.rejects(open(await phone.logIn(), SCHEMA, "secret"), /may not read/);
});

test("custom data opens a door", LIMIT, async () => {
  const user = await phone.logIn();
  const word = ["--app", "foreign"];
  await operator("data", "set", user.id, '{"rank": "smith"}', ...word);
  const realm = await open(user, SCHEMA, "secret");
  await settle(realm);
  realm.close();
});

test("users whom the operator locks out", LIMIT, async () => {
  // This SDK does not see that a websocket was closed, so it hears of it with its next request.
  const locks = { disable: /user disabled/, delete: /invalid session|no user|not found/, "log-out": /invalid session/ };
  for (const [word, why] of Object.entries(locks)) {
    const account = { email: `sure-${word}@example.org`, password: "let me in" };
    await phone.app.emailPasswordAuth.registerUser(account);
    const credentials = phone.Realm.Credentials.emailPassword(account);
    const user = await phone.logIn(credentials);
    const realm = await open(user, SCHEMA, user.id, errorsOf().config);
    add(realm, 1);
    await settle(realm);
    await operator(word, account.email, ...(word === "delete" ? ["--yes"] : []));
    await assert.rejects(user.refreshCustomData(), why);
    await assert.rejects(user.functions.sum(1), why);
    if (word === "delete") {
      await assert.rejects(phone.logIn(credentials), /unauthorized/);
      continue;
    }
    if (word === "disable") {
      await assert.rejects(phone.logIn(credentials), /disabled/);
      await operator("enable", account.email);
    }
    const again = await device();
    const back = await again.logIn(again.Realm.Credentials.emailPassword(account));
    assert.equal(back.id, user.id);
    const copy = await again.open(back, SCHEMA, user.id);
    assert.equal(count(copy), 1);
  }
});
