// What a page in a browser has and Node.js has not, for the SDK that was built for browsers.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import WebSocket from "ws";
import XMLHttpRequest from "xhr2";

const { fetch } = globalThis;
const { defineProperty } = Object;

globalThis.window = globalThis;
globalThis.navigator ??= { userAgent: "Node.js" };
globalThis.WebSocket = WebSocket;
globalThis.XMLHttpRequest = XMLHttpRequest;
globalThis.fetch = (url, options) => {
  if (!String(url).startsWith("file:")) return fetch(url, options);
  const headers = { "content-type": "application/wasm" };
  return Promise.resolve(new Response(readFileSync(fileURLToPath(url)), { headers }));
};

// The SDK puts itself here for good, which only the first device of a process could do.
Object.defineProperty = (object, name, descriptor) =>
  defineProperty(object, name, object === globalThis ? { ...descriptor, configurable: true } : descriptor);
