// All ways to log in that the SDK has, and what users may do with their accounts
// (app-services-http.md 5 to 9, app-configuration.md 8).
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { before, test } from "node:test";
import { device, LIMIT, operator } from "./device.mjs";

const SMITH = { email: "sure-smith@example.org", password: "hammer" };

let Realm, app, logIn;

before(async () => {
  ({ Realm, app, logIn } = await device());
  await app.emailPasswordAuth.registerUser(SMITH);
});

const account = ({ email, password }) => logIn(Realm.Credentials.emailPassword(email, password));
const offered = async (name) => (await logIn()).functions.offered(name);

function signed(claims) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
  return `${text}.${createHmac("sha256", process.env.FOREIGN_TOKEN_KEY).update(text).digest("base64url")}`;
}

function token(sub, more = {}) {
  return signed({ aud: "foreign", sub, exp: Math.floor(Date.now() / 1000) + 300, name: "Ada", ...more });
}

test("anonymous users", LIMIT, async () => {
  const one = await logIn(Realm.Credentials.anonymous(false));
  const other = await logIn(Realm.Credentials.anonymous(false));
  assert.notEqual(one.id, other.id);
  const again = await logIn(Realm.Credentials.anonymous(true));
  assert.ok([one.id, other.id].includes(again.id));
  assert.equal(one.providerType, "anon-user");
  assert.match(one.id, /^[0-9a-f]{24}$/);
  assert.match(one.deviceId, /^[0-9a-f]{24}$/);
  await one.logOut();
  assert.equal(one.state, "Removed");
});

test("e-mail and password", LIMIT, async () => {
  const user = await account(SMITH);
  assert.equal(user.providerType, "local-userpass");
  assert.equal(user.profile.email, SMITH.email);
  assert.equal(user.identities.length, 1);
  await user.logOut();
  assert.equal(user.state, "LoggedOut");
  await assert.rejects(account({ ...SMITH, password: "anvil!" }), /unauthorized/);
  await assert.rejects(app.emailPasswordAuth.registerUser(SMITH), /name already in use/);
  const short = { email: "sure-short@example.org", password: "short" };
  await assert.rejects(app.emailPasswordAuth.registerUser(short), /password must be between 6 and 128/);
});

test("an account waits until it is confirmed", LIMIT, async () => {
  const wait = { email: "wait-here@example.org", password: "patience" };
  const { emailPasswordAuth } = app;
  await emailPasswordAuth.registerUser(wait);
  await assert.rejects(account(wait), /confirmation required/);
  await emailPasswordAuth.retryCustomConfirmation(wait);
  await assert.rejects(emailPasswordAuth.resendConfirmationEmail(wait));
  const { token, tokenId } = await offered(wait.email);
  await assert.rejects(emailPasswordAuth.confirmUser({ token: "x", tokenId }));
  await emailPasswordAuth.confirmUser({ token, tokenId });
  await account(wait);
});

test("an account is refused", LIMIT, async () => {
  const never = { email: "never-here@example.org", password: "whatever" };
  await assert.rejects(app.emailPasswordAuth.registerUser(never), /failed to confirm/);
  await assert.rejects(account(never));
});

test("new passwords", LIMIT, async () => {
  const { emailPasswordAuth } = app;
  const lost = { email: "sure-lost@example.org", password: "forgotten" };
  await emailPasswordAuth.registerUser(lost);
  await emailPasswordAuth.callResetPasswordFunction({ ...lost, password: "remembered" }, "why", 3);
  assert.deepEqual((await offered(lost.email)).arguments, ["why", 3]);
  await account({ ...lost, password: "remembered" });
  await assert.rejects(account(lost), /unauthorized/);
  await assert.rejects(emailPasswordAuth.sendResetPasswordEmail(lost));

  const later = { email: "later@example.org", password: "forgotten" };
  await emailPasswordAuth.registerUser(later);
  await emailPasswordAuth.confirmUser(await offered(later.email));
  await emailPasswordAuth.callResetPasswordFunction({ ...later, password: "tentative" });
  await assert.rejects(account({ ...later, password: "tentative" }));
  const { token, tokenId } = await offered(later.email);
  await emailPasswordAuth.resetPassword({ token, tokenId, password: "definite" });
  await account({ ...later, password: "definite" });
});

test("API keys", LIMIT, async () => {
  const user = await account(SMITH);
  const made = await user.apiKeys.create("forge");
  assert.equal(made.name, "forge");
  const program = await logIn(Realm.Credentials.apiKey(made.key));
  assert.equal(program.id, user.id);
  assert.deepEqual((await user.apiKeys.fetchAll()).map((key) => key.name), ["forge"]);
  assert.equal((await user.apiKeys.fetch(made._id)).name, "forge");
  await user.apiKeys.disable(made._id);
  await assert.rejects(logIn(Realm.Credentials.apiKey(made.key)));
  await user.apiKeys.enable(made._id);
  await logIn(Realm.Credentials.apiKey(made.key));
  await (await account(SMITH)).apiKeys.delete(made._id);
  await assert.rejects(logIn(Realm.Credentials.apiKey(made.key)));
});

test("tokens of others", LIMIT, async () => {
  const user = await logIn(Realm.Credentials.jwt(token("ada-1")));
  assert.equal(user.profile.name, "Ada");
  assert.equal((await logIn(Realm.Credentials.jwt(token("ada-1")))).id, user.id);
  await assert.rejects(logIn(Realm.Credentials.jwt(token("ada-1", { aud: "others" }))));
  await assert.rejects(logIn(Realm.Credentials.jwt(token("ada-1", { exp: 1 }))));
  await assert.rejects(logIn(Realm.Credentials.jwt(`${token("ada-1")}x`)));
});

test("a function says who it is", LIMIT, async () => {
  const tell = (payload) => logIn(Realm.Credentials.function(payload));
  const user = await tell({ member: 7, word: "word of 7" });
  assert.equal((await tell({ member: 7, word: "word of 7" })).id, user.id);
  assert.notEqual((await tell({ member: 8, word: "word of 8" })).id, user.id);
  await assert.rejects(tell({ member: 7, word: "password" }));
});

test("providers that are off", LIMIT, async () => {
  for (const credentials of [
    Realm.Credentials.google({ idToken: "x" }),
    Realm.Credentials.facebook("x"),
    Realm.Credentials.apple("x"),
  ]) {
    await assert.rejects(logIn(credentials), /no authentication methods|provider|not found/i);
  }
});

test("an anonymous user becomes an account", LIMIT, async () => {
  const user = await logIn();
  const mine = { email: "sure-mine@example.org", password: "my secret" };
  await app.emailPasswordAuth.registerUser(mine);
  await user.linkCredentials(Realm.Credentials.emailPassword(mine.email, mine.password));
  await user.linkCredentials(Realm.Credentials.jwt(token("mine")));
  assert.equal(user.identities.length, 3);
  assert.equal((await account(mine)).id, user.id);
  assert.equal((await logIn(Realm.Credentials.jwt(token("mine")))).id, user.id);
  const other = await logIn();
  await assert.rejects(other.linkCredentials(Realm.Credentials.jwt(token("mine"))));
});

test("functions", LIMIT, async () => {
  const user = await logIn();
  assert.equal(await user.functions.sum(1, 2, 3.5), 6.5);
  await assert.rejects(user.functions.nothing(), /function not found/);
  await assert.rejects(user.functions.offered("nobody"));
});

test("custom data", LIMIT, async () => {
  const user = await logIn();
  assert.deepEqual(user.customData, {});
  await operator("data", "set", user.id, '{"rank": "apprentice"}', "--app", "foreign");
  const data = await user.refreshCustomData();
  assert.equal(data.rank, "apprentice");
  assert.equal(user.customData.rank, "apprentice");
});

test("deleted users", LIMIT, async () => {
  const gone = { email: "sure-gone@example.org", password: "farewell" };
  await app.emailPasswordAuth.registerUser(gone);
  const user = await account(gone);
  await app.deleteUser(user);
  assert.equal(user.state, "Removed");
  await assert.rejects(account(gone), /unauthorized/);
});

test("several users of one device", LIMIT, async () => {
  const { app, logIn } = await device();
  const [one, two] = [await logIn(), await logIn()];
  assert.equal(app.currentUser.id, two.id);
  assert.deepEqual(Object.keys(app.allUsers).sort(), [one.id, two.id].sort());
  await app.removeUser(one);
  assert.deepEqual(Object.keys(app.allUsers), [two.id]);
});
