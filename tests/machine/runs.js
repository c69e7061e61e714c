// Runs of a project's state machine, for tests.
"use strict";
const assert = require("node:assert/strict");
const { test } = require("node:test");
const { exception, noObject, outcome, task } = require("./answers");
const { CONFIG, definition } = require("./definition");
const { Execution, MACHINE } = require("./interpreter");
const { World } = require("./world");

const taken = new Set();
const EXECUTION = `${MACHINE.replace(":stateMachine:", ":execution:")}:run-1`;
const SCHEDULED = {
  scheduleArn: "arn:aws:scheduler:us-east-1:000000000000:schedule/default/nightly",
  scheduledTime: "2026-01-31T06:30:00Z",
  schedule: "nightly",
};
const good = { "Run dbt": { result: task() }, "Read the outcome": outcome("success", 0) };
const lost = { "Read the outcome": noObject };

/** How an execution ends, what it called, and what finish was told. */
async function run({ config = {}, input = {}, answers = {}, world = new World(), redrives = 0 }) {
  let told;
  world.machines.set(CONFIG.finishArn, (input) => { told = input; });
  const execution = new Execution(definition(config), { input, answers: { ...good, ...answers }, taken, world });
  execution.context.Execution.RedriveCount = redrives;
  const end = await execution.end();
  const states = execution.calls.map(([state]) => state);
  const count = (state) => states.filter((each) => each === state).length;
  return { ...end, execution, told, world, count, given: (state) => execution.calls.findLast(([each]) => each === state)?.[1] };
}

/** Ends with this error, and with a cause that says these. */
const fails = (title, error, says, given) =>
  test(title, async () => {
    const end = await run(given);
    assert.equal(end.error, error, JSON.stringify(end.output ?? end.cause));
    assert.deepEqual([end.told?.execution, end.told?.end.message], [EXECUTION, end.told?.end.message && end.cause.slice(0, end.told.end.message.length)]);
    for (const each of [says].flat()) {
      assert.ok(each instanceof RegExp ? each.test(end.cause) : end.cause.includes(each), end.cause);
    }
    assert.ok(!/undefined|\[object|States\./.test(end.cause), end.cause);
  });

/** Succeeds with an output that has these. */
const succeeds = (title, wanted, given) =>
  test(title, async () => {
    const { output, error, cause } = await run(given);
    assert.deepEqual({ ...output, ...wanted }, output, `${error}: ${cause}`);
  });

module.exports = { CONFIG, EXECUTION, SCHEDULED, fails, good, lost, run, succeeds, taken };
