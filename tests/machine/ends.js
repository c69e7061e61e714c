// Ends of runs, for tests of the machine that finish is.
"use strict";
const { exception } = require("./answers");
const { CONFIG, definition, finish } = require("./definition");
const { Execution, MACHINE } = require("./interpreter");
const { World } = require("./world");

const taken = new Set();
const NIGHTLY = "arn:aws:scheduler:us-east-1:000000000000:schedule/default/nightly-1a2b";
const key = (sk) => `shop/prod ${sk}`;
const lock = (world) => world.items.get(key("lock"));
const records = (world) => [...world.items.keys()].filter((each) => each.startsWith(key("run#")));
const busy = (service, name) => exception(service, name, "busy");
const schedule = (given = {}) => ({ result: { Name: "nightly-1a2b", Arn: NIGHTLY, Target: { Arn: MACHINE, Input: JSON.stringify({ schedule: "nightly", ...given }) } } });

/** An execution of a project's machine that is, or has ended, so. */
function execution(world, { name = "run-1", input = {}, ...more } = {}) {
  return Object.assign(new Execution(definition(), { name, input, world }), more);
}

let number = 1;

/** Runs finish with that input. */
async function run(input, answers, world) {
  const run = new Execution(finish(), { name: `finish-${number++}`, machine: CONFIG.finishArn, input, answers, taken, world });
  return { ...await run.end(), calls: run.calls };
}

/** What finish makes of an execution's end. */
async function ended({ world = new World(), of, end, config = {}, answers = {} }) {
  of ??= execution(world);
  const input = { execution: of.arn, config: { ...CONFIG, ...config }, ...(end && { end: { links: {}, attempts: 1, message: "said", ...end } }) };
  const { output, error, cause, calls } = await run(input, answers, world);
  const count = (state) => calls.filter(([each]) => each === state).length;
  return { output, error, cause, world, count, event: world.events.at(-1), record: world.items.get(records(world).at(-1)), message: world.published.at(-1) };
}
const good = { class: "success", message: "dbt build succeeded: 12 nodes" };
const bad = { class: "failed-nodes", message: "dbt build failed: 2 of 12 nodes" };

module.exports = { NIGHTLY, bad, busy, ended, execution, good, key, lock, records, run, schedule, taken };
