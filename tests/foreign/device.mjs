// Devices: each is the whole SDK, with a database and users of its own, at the server under test.
import { execFile } from "node:child_process";
import { after } from "node:test";
import { promisify } from "node:util";
import "./browser.mjs";

export const url = process.env.FOREIGN_URL;
export const LIMIT = { timeout: 60_000 };

const SDK = new URL("node_modules/realm/dist/bundle.browser.mjs", import.meta.url);
let devices = 0;

/** The SDK's classes, the app, and how users log in and open realms. */
export async function device(appId = "foreign") {
  const { Realm } = await import(`${SDK}?device=${++devices}`);
  const app = new Realm.App({ id: appId, baseUrl: url });
  const name = `device ${devices}`;
  let ident;
  Realm.App.Sync.setLogLevel(app, process.env.FOREIGN_LOG || "debug");
  Realm.App.Sync.setLogger(app, (_, text) => {
    ident = /Received: IDENT\(client_file_ident=(\d+)/.exec(text)?.[1] ?? ident;
    if (process.env.FOREIGN_LOG) console.error(`${name}: ${text}`);
  });
  const logIn = (credentials = Realm.Credentials.anonymous(false)) => app.logIn(credentials);
  const open = (user, schema, partitionValue, sync = {}) =>
    Realm.open({ schema, sync: { user, partitionValue, ...sync } });
  const behavior = { type: Realm.OpenRealmBehaviorType.OpenImmediately };
  const atOnce = { existingRealmFileBehavior: behavior, newRealmFileBehavior: behavior };
  return { Realm, app, logIn, open, atOnce, fileIdent: () => Number(ident) };
}

/** The errors of a session, in the order in which they come. */
export function errorsOf() {
  const errors = [];
  const config = { onError: (_, error) => errors.push(error) };
  return { config, next: () => until(() => errors.shift(), "an error") };
}

/** Calls of the admin API for the app, as `call(method, path, body)`. */
export async function admin(appId = "foreign") {
  const api = `${url}/api/admin/v3.0`;
  let token;
  const send = async (method, path, body) => {
    const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
    const reply = await fetch(`${api}/${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${text}`);
    return text && JSON.parse(text);
  };
  const account = { username: "operator", password: process.env.REALMSYNC_ADMIN_PASSWORD };
  token = (await send("POST", "auth/providers/local-userpass/login", account)).access_token;
  const group = (await send("GET", "auth/profile")).roles[0].group_id;
  const apps = await send("GET", `groups/${group}/apps`);
  const app = apps.find(({ client_app_id: id }) => id === appId);
  return (method, path, body) => send(method, `groups/${group}/apps/${app._id}/${path}`, body);
}

/** What an operator says: `realmsync user …` beside the server that runs. */
export async function operator(...words) {
  const command = ["-m", "realmsync", "user", ...words, "--data", process.env.FOREIGN_DATA];
  return (await promisify(execFile)(process.env.FOREIGN_PYTHON, command)).stdout;
}

/** Until all of these realms have sent what they have and got what the others sent. */
export async function settle(...realms) {
  for (const realm of realms) await realm.syncSession.uploadAllLocalChanges();
  for (const realm of realms) await realm.syncSession.downloadAllServerChanges();
}

/** Until `question` is answered with something true. */
export async function until(question, what = question.toString()) {
  const end = Date.now() + 20_000;
  for (;;) {
    const answer = await question();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resume) => setTimeout(resume, 20));
  }
}

// The SDK keeps connections open for half a minute, which nobody waits for.
after(() => setTimeout(() => process.exit(), 100));
