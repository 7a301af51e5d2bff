// What exported functions find around them: `context`, `console`, `BSON`, `EJSON`, `exports`.
//
// Runs in each new engine context before the function's source. Nothing here can reach Python: calls
// of the server are put into a queue that the worker empties between two jobs (javascript_worker.py)
// and are promises until their answer comes. What is not offered throws, naming the missing piece.
// Specification: app-configuration.md 6.6, app-services-http.md section 18.
(function (global) {
  "use strict";

  const NOT_OFFERED = " is not offered by this server";
  const LOG_LINES = 100; // of one call
  const DEPTH = 100; // of arrays and objects in each other
  const { parse, stringify } = JSON; // which a function may replace

  function refuse(name) {
    throw new Error(name + NOT_OFFERED);
  }

  // An object whose members that are not there throw instead of being undefined.
  function only(name, members) {
    return new Proxy(members, {
      get(target, key) {
        if (key in target || typeof key === "symbol" || key === "then" || key === "toJSON") {
          return target[key];
        }
        return refuse(name + "." + key);
      },
    });
  }

  // BSON values

  const HEX = /^[0-9a-f]{24}$/i;
  const UUID_FORM = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

  class ObjectId {
    #hex;
    constructor(hex) {
      const text = hex === undefined ? randomHex(24) : String(hex);
      if (!HEX.test(text)) throw new TypeError("an ObjectId is 24 hexadecimal digits");
      this.#hex = text.toLowerCase();
    }
    toHexString() { return this.#hex; }
    toString() { return this.#hex; }
    toJSON() { return this.#hex; }
    equals(other) { return String(other).toLowerCase() === this.#hex; }
    getTimestamp() { return new Date(parseInt(this.#hex.slice(0, 8), 16) * 1000); }
  }

  class UUID {
    #text;
    constructor(text) {
      if (!UUID_FORM.test(String(text))) throw new TypeError("a UUID is 8-4-4-4-12 hexadecimal digits");
      this.#text = String(text).toLowerCase();
    }
    toHexString() { return this.#text; }
    toString() { return this.#text; }
    toJSON() { return this.#text; }
    equals(other) { return String(other).toLowerCase() === this.#text; }
  }

  class Decimal128 {
    #text;
    constructor(text) { this.#text = String(text); }
    static fromString(text) { return new Decimal128(text); }
    toString() { return this.#text; }
    toJSON() { return { $numberDecimal: this.#text }; }
  }

  class Binary {
    constructor(base64, subType = "00") {
      this.base64 = String(base64);
      this.subType = String(subType);
    }
    toString() { return this.base64; }
  }

  function randomHex(digits) {
    let text = "";
    while (text.length < digits) text += Math.floor(Math.random() * 16).toString(16);
    return text;
  }

  // Extended JSON

  function decode(value) {
    if (Array.isArray(value)) return value.map(decode);
    if (value === null || typeof value !== "object") return value;
    const keys = Object.keys(value);
    if (keys.length === 1 && keys[0].startsWith("$")) {
      const given = value[keys[0]];
      switch (keys[0]) {
        case "$numberInt": return Number(given);
        case "$numberDouble": return Number(given);
        case "$numberLong": {
          const exact = BigInt(given);
          return BigInt(Number(exact)) === exact && Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
        }
        case "$numberDecimal": return new Decimal128(given);
        case "$oid": return new ObjectId(given);
        case "$uuid": return new UUID(given);
        case "$date": return new Date(typeof given === "object" ? Number(given.$numberLong) : given);
        case "$binary": return new Binary(given.base64, given.subType);
      }
    }
    const result = {};
    for (const key of keys) define(result, key, decode(value[key]));
    return result;
  }

  function encode(value, depth = 0) {
    if (depth > DEPTH) throw new RangeError("it is nested deeper than " + DEPTH);
    switch (typeof value) {
      case "boolean": case "string": return value;
      case "number": return encodeNumber(value);
      case "bigint":
        if (BigInt.asIntN(64, value) !== value) throw new RangeError(value + " does not fit into 64 bits");
        return { $numberLong: String(value) };
      case "object": break;
      default: return null; // undefined, functions, symbols
    }
    if (value === null) return null;
    if (value instanceof ObjectId) return { $oid: value.toString() };
    if (value instanceof UUID) return { $uuid: value.toString() };
    if (value instanceof Decimal128) return { $numberDecimal: value.toString() };
    if (value instanceof Binary) return { $binary: { base64: value.base64, subType: value.subType } };
    if (value instanceof Date) return { $date: { $numberLong: String(value.getTime()) } };
    if (Array.isArray(value)) return value.map((member) => encode(member, depth + 1));
    if (value instanceof RegExp) return { $regularExpression: { pattern: value.source, options: value.flags } };
    if (value instanceof Number || value instanceof String || value instanceof Boolean) return encode(value.valueOf());
    const result = {};
    for (const key of Object.keys(value)) {
      if (value[key] !== undefined) define(result, key, encode(value[key], depth + 1));
    }
    return result;
  }

  function encodeNumber(value) {
    if (Object.is(value, -0)) return { $numberDouble: "-0.0" };
    if (Number.isInteger(value) && Math.abs(value) < 2 ** 31) return { $numberInt: String(value) };
    if (Number.isSafeInteger(value)) return { $numberLong: String(value) };
    return { $numberDouble: String(value) };
  }

  // Not by assignment, which `__proto__` would turn into something else.
  function define(object, key, value) {
    Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
  }

  const encoded = (value) => stringify(encode(value));
  const decoded = (text) => decode(parse(text));

  // Calls of the server

  let calls = [];
  const answers = new Map();
  let lastCall = 0;

  function call(kind, payload) {
    const id = ++lastCall;
    calls.push({ id, kind, payload });
    return new Promise((resolve, reject) => answers.set(id, { resolve, reject }));
  }

  function collection(database, name) {
    const ask = (kind, given) => call(kind, encode({ database, collection: name, ...given }));
    const find = (filter, limit) => ask("find", { filter: filter || {}, limit });
    const cursor = (filter, limit) => only("a cursor", {
      limit: (count) => cursor(filter, count),
      toArray: () => find(filter, limit),
    });
    return only("a collection", {
      findOne(filter, ...rest) {
        refuseMore("findOne", rest);
        return find(filter, 1).then((found) => (found.length ? found[0] : null));
      },
      find(filter, ...rest) {
        refuseMore("find", rest);
        return cursor(filter);
      },
      count(filter, ...rest) {
        refuseMore("count", rest);
        return ask("count", { filter: filter || {} });
      },
      insertOne(document, ...rest) {
        refuseMore("insertOne", rest);
        return ask("insert", { document });
      },
      updateOne(filter, update, options, ...rest) {
        const { upsert, ...others } = options || {};
        refuseMore("updateOne", [...Object.keys(others), ...rest]);
        return ask("update", { filter, update, upsert: Boolean(upsert) });
      },
      deleteOne(filter, ...rest) {
        refuseMore("deleteOne", rest);
        return ask("delete", { filter });
      },
    });
  }

  // Projections and options would change the result.
  function refuseMore(name, rest) {
    if (rest.some((value) => value !== undefined)) refuse("what is said beside the filter of " + name);
  }

  let logged = 0;

  function log(level) {
    return (...parts) => {
      if (++logged > LOG_LINES) return;
      const text = parts.map((part) => (typeof part === "string" ? part : encoded(part))).join(" ");
      calls.push({ id: 0, kind: "log", payload: { level, text: text.slice(0, 1000) } });
    };
  }

  function contextOf(given) {
    const values = given.values;
    Object.defineProperty(values, "get", { value: (name) => (Object.hasOwn(values, name) ? values[name] : undefined) });
    return only("context", {
      app: { id: given.app },
      user: given.user,
      values,
      environment: given.environment,
      request: given.request,
      functions: only("context.functions", {
        execute: (name, ...args) => call("execute", { name: String(name), arguments: encode(args) }),
      }),
      services: only("context.services", {
        get: () => only("a service", {
          db: (database) => only("a database", { collection: (name) => collection(database, name) }),
        }),
      }),
    });
  }

  global.console = { log: log("info"), info: log("info"), debug: log("debug"), warn: log("warning"), error: log("error") };
  global.BSON = only("BSON", { ObjectId, ObjectID: ObjectId, UUID, Decimal128, Binary });
  global.EJSON = only("EJSON", { stringify: (value) => encoded(value), parse: (text) => decoded(text) });
  global.require = (name) => refuse("the module '" + name + "'");
  global.exports = {};
  global.module = { exports: global.exports };

  // For the worker

  let outcome = null;

  // The first line of its stack, which is no business of who has called.
  function placeOf(error) {
    const stack = error instanceof Error && typeof error.stack === "string" ? error.stack : "";
    return stack.split("\n")[0].trim().slice(0, 200);
  }

  function describe(error) {
    if (error instanceof Error) {
      return error.name === "Error" ? error.message : error.name + ": " + error.message;
    }
    return typeof error === "string" ? error : encoded(error);
  }

  global.__worker = {
    start(contextText, argumentsText) {
      global.context = contextOf(decoded(contextText));
      const exported = typeof global.exports === "function" ? global.exports : global.module.exports;
      if (typeof exported !== "function") {
        outcome = { error: "it assigns no function to exports" };
        return;
      }
      const failed = (error) => { outcome = { error: describe(error), place: placeOf(error) }; };
      try {
        Promise.resolve(exported(...decoded(argumentsText))).then((value) => {
          outcome = { value: encode(value) };
        }).catch(failed);
      } catch (error) {
        failed(error);
      }
    },
    take() {
      const taken = calls;
      calls = [];
      return stringify({ calls: taken, outcome, waiting: answers.size });
    },
    answer(id, text, isError) {
      const { resolve, reject } = answers.get(id);
      answers.delete(id);
      if (isError) reject(new Error(text));
      else resolve(decoded(text));
    },
  };
})(globalThis);
