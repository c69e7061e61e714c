// The lock of a project: who has it, who takes it over, who waits, who is skipped.
"use strict";
const assert = require("node:assert/strict");
const { test } = require("node:test");
const { exception, outcome, task } = require("./answers");
const { definition, finish } = require("./definition");
const { Execution } = require("./interpreter");
const { CONFIG, EXECUTION, fails, run, succeeds, taken } = require("./runs");
const { World } = require("./world");

const queue = { overlap: "queue" };
const theirs = EXECUTION.replace("run-1", "run-0");
const lock = (world) => world.items.get("shop/prod lock");
const write = (world, holder, waiting = []) =>
  world.items.set("shop/prod lock", { pk: { S: "shop/prod" }, sk: { S: "lock" }, version: { N: "7" }, holder: { S: holder }, waiting: { S: JSON.stringify(waiting) } });
const other = (world, more) => {
  const execution = new Execution(definition(), { name: "run-0", world });
  return Object.assign(execution, more);
};
/** A world in which another has the lock, and is in this state. */
function held({ waiting, ...more } = {}) {
  const world = new World();
  write(world, other(world, more).arn, waiting);
  return world;
}
const before = (seconds) => new Date(new World().time - seconds * 1000).toISOString();

test("who comes first has it", async () => {
  const { output, world } = await run({});
  assert.equal(output.class, "success");
  assert.deepEqual([lock(world).holder.S, lock(world).version.N], [EXECUTION, "1"]);
});
test("another has it", async () => {
  const { output, told, count } = await run({ world: held() });
  assert.deepEqual([output.class, output.artifacts, count("Run dbt")], ["skipped", "", 0]);
  assert.match(output.message, /^another run of this project is under way: arn:aws:states:.*:run-0$/);
  assert.deepEqual([told.end.class, told.end.attempts], ["skipped", 0]);
});
succeeds("runs may overlap", { class: "success" }, { config: { overlap: "allow" }, world: held() });
succeeds("who has it is no more", { class: "success" }, { world: held({ status: "FAILED", stopped: before(601) }) });
test("finish is told of who has it and is no more, before anybody takes it", async () => {
  const world = held({ status: "ABORTED", stopped: before(601) });
  const told = [];
  const start = (given) => (told.push(given.Input.execution), write(world, ""), { result: {} });
  const { output } = await run({ world, answers: { "Have it ended": [exception("StepFunctions", "ThrottlingException", "busy"), start] } });
  assert.deepEqual([output.class, told, Math.round((world.time - new World().time) / 10000)], ["success", [theirs], 1]);
});
succeeds("finish cannot be told of it", { class: "success" }, {
  world: held({ status: "ABORTED", stopped: before(601) }), answers: { "Have it ended": exception("StepFunctions", "AccessDeniedException", "no") },
});
test("who has it cannot be seen yet", async () => {
  const world = new World();
  write(world, `${EXECUTION}-new`);
  world.items.get("shop/prod lock").since = { N: String(world.time - 1000) };
  const { output } = await run({ world });
  assert.deepEqual([output.class, world.time - new World().time > 590000], ["success", true]);
});
test("who has it was never there", async () => {
  const world = new World();
  write(world, `${EXECUTION}-deleted`);
  const { output } = await run({ world });
  assert.deepEqual([output.class, lock(world).holder.S, lock(world).version.N], ["success", EXECUTION, "8"]);
});
test("who has it has just ended: finish has ten minutes to release it", async () => {
  const world = held({ status: "ABORTED", stopped: before(500) });
  const { output } = await run({ world });
  assert.deepEqual([output.class, Math.round((world.time - new World().time) / 1000) >= 100], ["success", true]);
});
succeeds("who has it cannot be told", { class: "skipped" }, {
  world: held(), answers: { "Look at who has it": [exception("Sfn", "ThrottlingException", "Rate exceeded"), exception("Sfn", "SfnException", "not authorized to perform: states:DescribeExecution")] },
});
test("this execution has it, since the answer to its write was lost", async () => {
  const world = new World();
  write(world, EXECUTION);
  assert.equal((await run({ world })).output.class, "success");
});
for (const [state, more] of [["Read the lock", {}], ["Take the lock", {}], ["Wait for the lock", { config: queue, world: held() }]]) {
  fails(`${state}: the table refuses`, "LockFailed", ["in the table TABLE", "not authorized", "nothing was run"], {
    ...more, answers: { [state]: [exception("DynamoDb", "ThrottlingException", "busy"), exception("DynamoDb", "AccessDeniedException", "User is not authorized")] },
  });
}
test("waiting in vain", async () => {
  const world = held();
  const { output } = await run({ config: { ...queue, queueMinutes: 5 }, world });
  assert.deepEqual([output.class, output.message], ["skipped", "another run of this project was under way for all of queueMinutes, 5 min"]);
  assert.ok(world.time - new World().time < 302000);
  assert.deepEqual(JSON.parse(lock(world).waiting.S).map(({ execution }) => execution), [EXECUTION]);
});
succeeds("no more than 50 wait", { class: "skipped", message: "50 runs of this project wait for another already" }, {
  config: queue, world: held({ waiting: Array.from({ length: 50 }, (_, at) => ({ execution: `run-${at}`, token: "t" })) }),
});
test("another is quicker to wait", async () => {
  const world = held();
  const quicker = (given, { world }) => {
    write(world, lock(world).holder.S, [{ execution: "run-9", token: "t" }]);
    lock(world).version.N = "8";
    return { result: { Status: "RUNNING" } };
  };
  const { output } = await run({ config: { ...queue, queueMinutes: 5 }, world, answers: { "Look at who has it": [quicker, { result: { Status: "RUNNING" } }] } });
  assert.deepEqual([output.class, JSON.parse(lock(world).waiting.S).map(({ execution }) => execution)], ["skipped", ["run-9", EXECUTION]]);
});

/** A world with both machines, in which a run takes ten minutes. */
function platform({ config, seed }) {
  const world = new World(seed);
  const ends = [];
  const running = new Set();
  let most = 0;
  const answers = {
    "Run dbt": async (_, { arn, world }) => {
      running.add(arn);
      most = Math.max(most, running.size);
      await world.sleep(600);
      running.delete(arn);
      return { result: task() };
    },
    "Read the outcome": outcome("success", 0),
  };
  world.machines.set(CONFIG.finishArn, (input) =>
    ends.push(new Execution(finish(), { name: `finish-${ends.length}`, machine: CONFIG.finishArn, input, world }).end()));
  const start = (number) => new Execution(definition(config), { name: `run-${number}`, answers, world, taken }).end();
  return { world, ends, start, most: () => most };
}

for (const seed of [1, 2]) {
  test(`fifty starts at once, of which those that come too late are skipped: ${seed}`, async () => {
    const { world, ends, start, most } = platform({ config: {}, seed });
    const all = await Promise.all(Array.from({ length: 50 }, (_, number) => start(number)));
    const classes = all.map(({ output, cause }) => output?.class ?? cause);
    await Promise.all(ends);
    assert.deepEqual([classes.filter((each) => each === "success").length, classes.filter((each) => each === "skipped").length, most()], [1, 49, 1]);
    assert.deepEqual([lock(world).holder.S, lock(world).waiting.S, world.events.length], ["", "[]", 50]);
  });
  test(`fifty starts at once, of which each waits for its turn: ${seed}`, async () => {
    const { world, ends, start, most } = platform({ config: { ...queue, queueMinutes: 1000 }, seed });
    const all = await Promise.all(Array.from({ length: 50 }, (_, number) => start(number)));
    await Promise.all(ends);
    assert.deepEqual([all.map(({ output, cause }) => output?.class ?? cause).filter((each) => each !== "success"), most()], [[], 1]);
    assert.deepEqual([lock(world).holder.S, lock(world).waiting.S, world.events.length], ["", "[]", 50]);
  });
  test(`fifty starts at once, of which most wait in vain: ${seed}`, async () => {
    const { world, ends, start, most } = platform({ config: { ...queue, queueMinutes: 45 }, seed });
    const all = await Promise.all(Array.from({ length: 50 }, (_, number) => start(number)));
    await Promise.all(ends);
    const ran = all.filter(({ output }) => output?.class === "success").length;
    assert.deepEqual([ran, all.filter(({ output }) => output?.class === "skipped").length, most()], [5, 45, 1]);
    assert.deepEqual([lock(world).holder.S, lock(world).waiting.S, world.events.length], ["", "[]", 50]);
  });
}
