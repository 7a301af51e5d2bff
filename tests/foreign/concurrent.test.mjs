// Devices change the same objects while they are apart, and come to the same content (merge-rules.md).
import assert from "node:assert/strict";
import { test } from "node:test";
import { device, LIMIT, settle } from "./device.mjs";

const SCHEMA = [
  {
    name: "Board",
    primaryKey: "_id",
    properties: {
      _id: "int",
      text: "string?",
      number: "int?",
      mixed: "mixed",
      numbers: "int[]",
      words: "string<>",
      map: "int{}",
      friend: "Board",
      friends: "Board[]",
      part: "Bit",
      bits: "Bit[]",
    },
  },
  { name: "Bit", embedded: true, properties: { name: "string", numbers: "int[]" } },
];
const DEVICES = 3;
const ROUNDS = 4;
const CHANGES = 12;

/** Numbers below `limit` that depend on the seed alone. */
function dice(seed) {
  let state = seed;
  return (limit) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * limit);
  };
}

function change(realm, roll) {
  const boards = realm.objects("Board");
  const any = () => boards[roll(boards.length)];
  const create = () => realm.create("Board", { _id: roll(12), text: `new ${roll(99)}` }, "modified");
  if (!boards.length || roll(6) === 0) return create();
  const board = any();
  const { numbers, bits, friends } = board;
  const at = (list) => roll(list.length);
  const steps = [
    () => (board.text = roll(4) ? `text ${roll(99)}` : null),
    () => (board.number = roll(99)),
    () => (board.mixed = [roll(9), `m${roll(9)}`, null, roll(2) === 0, any()][roll(5)]),
    () => numbers.splice(roll(numbers.length + 1), 0, roll(99)),
    () => numbers.length && numbers.splice(at(numbers), 1),
    () => numbers.length && (numbers[at(numbers)] = roll(99)),
    () => numbers.length > 1 && numbers.move(at(numbers), at(numbers)),
    () => roll(4) === 0 && numbers.splice(0, numbers.length),
    () => board.words.add(`w${roll(5)}`),
    () => board.words.delete(`w${roll(5)}`),
    () => board.map.set(`k${roll(5)}`, roll(99)),
    () => board.map.remove(`k${roll(5)}`),
    () => (board.friend = roll(3) ? any() : null),
    () => friends.push(any()),
    () => friends.length && friends.splice(at(friends), 1),
    () => (board.part = roll(3) ? { name: `p${roll(9)}`, numbers: [roll(9)] } : null),
    () => board.part && board.part.numbers.push(roll(9)),
    () => bits.push({ name: `b${roll(9)}`, numbers: [] }),
    () => bits.length && bits.splice(at(bits), 1),
    () => bits.length && bits[at(bits)].numbers.push(roll(9)),
    () => roll(3) === 0 && realm.delete(board),
  ];
  return steps[roll(steps.length)]();
}

function plain(realm) {
  return [...realm.objects("Board").sorted("_id")].map((board) => ({
    ...Object.fromEntries(["_id", "text", "number"].map((name) => [name, board[name]])),
    mixed: board.mixed?._id === undefined ? board.mixed : `link ${board.mixed._id}`,
    numbers: [...board.numbers],
    words: [...board.words].sort(),
    map: Object.entries(board.map).sort(),
    friend: board.friend?._id,
    friends: board.friends.map((friend) => friend._id),
    part: board.part && [board.part.name, ...board.part.numbers],
    bits: board.bits.map((bit) => [bit.name, ...bit.numbers]),
  }));
}

for (const seed of (process.env.FOREIGN_SEEDS ?? "1 2 3 4").split(" ").map(Number)) {
  test(`three devices, seed ${seed}`, LIMIT, async () => {
    const roll = dice(seed);
    const realms = [];
    for (let at = 0; at < DEVICES; at++) {
      const { logIn, open } = await device();
      realms.push(await open(await logIn(), SCHEMA, `open board ${seed}`));
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const realm of realms) realm.syncSession.pause();
      for (let step = 0; step < CHANGES * DEVICES; step++) {
        const realm = realms[roll(DEVICES)];
        realm.write(() => change(realm, roll));
      }
      for (const realm of realms) realm.syncSession.resume();
      await settle(...realms);
      const [first, ...others] = realms.map(plain);
      for (const other of others) assert.deepEqual(other, first, `round ${round}`);
    }
    for (const realm of realms) realm.close();
  });
}
