// realm-web, the SDK for pages: HTTP only (app-services-http.md 5 to 9).
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { App, Credentials } from "realm-web";

const LIMIT = { timeout: 60_000 };
const { FOREIGN_URL: baseUrl } = process.env;
const SMITH = { email: "sure-web@example.org", password: "hammer" };

let app;

before(async () => {
  app = new App({ id: "foreign", baseUrl });
  await app.emailPasswordAuth.registerUser(SMITH);
});

const anonymous = () => app.logIn(Credentials.anonymous());
const account = ({ email, password }) => app.logIn(Credentials.emailPassword(email, password));

test("anonymous users, accounts, profiles", LIMIT, async () => {
  const stranger = await anonymous();
  assert.match(stranger.id, /^[0-9a-f]{24}$/);
  assert.equal(stranger.providerType, "anon-user");
  const user = await account(SMITH);
  assert.notEqual(user.id, stranger.id);
  await user.refreshProfile();
  assert.equal(user.profile.email, SMITH.email);
  assert.deepEqual(user.identities.map(({ providerType }) => providerType), ["local-userpass"]);
  assert.match(user.deviceId, /^[0-9a-f]{24}$/);
  await user.logOut();
  assert.equal(user.state, "logged-out");
  await assert.rejects(account({ ...SMITH, password: "anvil!" }), (error) => {
    assert.equal(error.statusCode, 401);
    assert.equal(error.errorCode, "InvalidPassword");
    return true;
  });
});

test("an account waits, and gets a new password", LIMIT, async () => {
  const wait = { email: "wait-web@example.org", password: "patience" };
  await app.emailPasswordAuth.registerUser(wait);
  await assert.rejects(account(wait), /confirmation required/);
  const { functions } = await anonymous();
  await app.emailPasswordAuth.confirmUser(await functions.offered(wait.email));
  await account(wait);
  await app.emailPasswordAuth.callResetPasswordFunction({ ...wait, password: "remembered" }, "why");
  const { token, tokenId } = await (await anonymous()).functions.offered(wait.email);
  await app.emailPasswordAuth.resetPassword({ token, tokenId, password: "remembered" });
  await account({ ...wait, password: "remembered" });
});

test("a function says who it is", LIMIT, async () => {
  const user = await app.logIn(Credentials.function({ member: 70, word: "word of 70" }));
  assert.equal(user.providerType, "custom-function");
  await assert.rejects(app.logIn(Credentials.function({ member: 70, word: "guess" })));
});

test("API keys", LIMIT, async () => {
  const user = await account(SMITH);
  const { _id, key, name } = await user.apiKeys.create("forge");
  assert.equal(name, "forge");
  assert.equal((await app.logIn(Credentials.apiKey(key))).id, user.id);
  await account(SMITH); // or disabling the key ended the log-in that disables it
  assert.deepEqual((await user.apiKeys.fetchAll()).map((each) => each.name), ["forge"]);
  await user.apiKeys.disable(_id);
  assert.equal((await user.apiKeys.fetch(_id)).disabled, true);
  await assert.rejects(app.logIn(Credentials.apiKey(key)));
  await user.apiKeys.enable(_id);
  await user.apiKeys.delete(_id);
  assert.deepEqual(await user.apiKeys.fetchAll(), []);
});

test("linking, functions, custom data", LIMIT, async () => {
  const user = await anonymous();
  const mine = { email: "sure-web-mine@example.org", password: "my secret" };
  await app.emailPasswordAuth.registerUser(mine);
  await user.linkCredentials(Credentials.emailPassword(mine.email, mine.password));
  assert.equal((await account(mine)).id, user.id);
  assert.equal(await user.functions.sum(1, 2, 3), 6);
  assert.equal(await user.callFunction("sum", 1, 2), 3);
  await assert.rejects(user.functions.nothing(), (error) => error.statusCode === 404);
  assert.deepEqual(await user.refreshCustomData(), {});
});

test("MongoDB collections are not offered, and say so", LIMIT, async () => {
  const user = await anonymous();
  const collection = user.mongoClient("cluster").db("db").collection("members");
  await assert.rejects(collection.find({}), (error) => {
    assert.ok(error.statusCode >= 400 && error.statusCode < 500, error.message);
    return true;
  });
});

test("deletion", LIMIT, async () => {
  const gone = { email: "sure-web-gone@example.org", password: "farewell" };
  await app.emailPasswordAuth.registerUser(gone);
  const user = await account(gone);
  await app.deleteUser(user);
  await assert.rejects(account(gone));
});
