// A client file that the server gives up, and how the app goes on by hand; this SDK offers no other mode
// (client-session.md 12, wire-protocol.md 14).
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { admin, device, errorsOf, LIMIT, settle } from "./device.mjs";

const SCHEMA = [{ name: "Note", primaryKey: "_id", properties: { _id: "int", text: "string?", list: "int[]" } }];
const add = (realm, _id) => realm.write(() => realm.create("Note", { _id, text: `text ${_id}`, list: [_id] }));
const keys = (realm) => [...realm.objects("Note").sorted("_id")].map((note) => note._id);

let laptop, force;

before(async () => {
  laptop = await device();
  const call = await admin();
  force = async (ident) => call("PUT", "sync/force_reset", { file_ident: ident });
});

test("the error says where the copy will be, and another user begins anew", LIMIT, async () => {
  const phone = await device();
  const mine = await laptop.open(await laptop.logIn(), SCHEMA, "open reset");
  add(mine, 1);
  await settle(mine);
  const errors = errorsOf();
  const user = await phone.logIn();
  const realm = await phone.open(user, SCHEMA, "open reset", errors.config);
  await settle(realm);
  realm.syncSession.pause();
  add(realm, 2);
  add(mine, 3);
  await settle(mine);
  await force(phone.fileIdent());
  realm.syncSession.resume();
  const error = await errors.next();
  assert.equal(error.name, "ClientReset");
  assert.equal(error.code, 208);
  assert.match(error.config.path, /recovered-realms/);
  assert.deepEqual(keys(realm), [1, 2], "what was unsent is still there to be copied");
  const again = await phone.open(await phone.logIn(), SCHEMA, "open reset");
  await settle(again);
  assert.deepEqual(keys(again), [1, 3]);
  add(again, 4);
  await settle(again, mine);
  assert.deepEqual(keys(mine), [1, 3, 4]);
});
