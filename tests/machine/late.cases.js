// A schedule of which no run succeeds for too long.
"use strict";
const assert = require("node:assert/strict");
const { test } = require("node:test");
const { exception } = require("./answers");
const { CONFIG, finish } = require("./definition");
const { NIGHTLY, busy, ended, execution, good, key, run, schedule } = require("./ends");
const { MACHINE } = require("./interpreter");
const { World } = require("./world");

/** What is told when finish is asked whether the schedule is late, which was made and last succeeded so many hours ago. */
async function asked({ world = new World(), made = 1000, succeeded, last = {}, hours = 26, notify, State = "ENABLED", answer, answers = {} } = {}) {
  const ago = (hours) => new Date(Date.parse("2026-01-31T06:30:02Z") - hours * 3600000).toISOString();
  if (succeeded !== undefined) {
    const item = { status: "succeeded", startedAt: ago(succeeded + 1), succeededAt: ago(succeeded), failingSince: "", ...last };
    world.items.set(key("last#default/nightly-1a2b"), Object.fromEntries(Object.entries(item).map(([name, S]) => [name, { S }])));
  }
  const { result } = schedule({ notify });
  const found = { result: { ...result, State, CreationDate: "2025-01-01T00:00:00Z", LastModificationDate: ago(made) } };
  const input = { late: { hours, machine: MACHINE, scheduleArn: NIGHTLY }, config: { ...CONFIG, artifactsPrefix: "shop/prod", notify: { emails: true, on: ["late"] } } };
  const { error, cause } = await run(input, { "Is it there, and since when?": answer ?? found, ...answers }, world);
  assert.equal(error, undefined, cause);
  return { world, event: world.events.at(-1), message: world.published.at(-1), told: world.published.length };
}
test("a schedule of which no run ever succeeded is late, and that is told once", async () => {
  const { world, event, message } = await asked();
  assert.deepEqual([event.class, event.status, event.events, event.schedule, event.seconds >= 3600000], ["late", "late", ["late"], "nightly", true]);
  assert.deepEqual([message.Subject, message.MessageAttributes.event.StringValue], ["shop nightly is late", "late"]);
  assert.equal(message.Message, `shop (prod), schedule nightly: is late
since 2025-12-20 14:30 UTC

no run has succeeded for 26 h, alertIfNoSuccessHours of the schedule; none has failed either: see whether runs start, in the console and in the dead-letter queue of the project

Schedule: https://us-east-1.console.aws.amazon.com/scheduler/home?region=us-east-1#schedules/default/nightly-1a2b`);
  assert.equal((await asked({ world })).told, 1);
});
for (const [what, given, told] of [
  ["one that succeeded 25 h ago", { succeeded: 25 }, 0],
  ["one that succeeded 27 h ago", { succeeded: 27 }, 1],
  ["one that was changed since", { succeeded: 270, made: 2 }, 0],
  ["one that was changed since, and did not run then either", { succeeded: 270, made: 27 }, 1],
  ["one of a record without the time of the success", { succeeded: 24, last: { succeededAt: "" } }, 0],
  ["one that fails", { succeeded: 24, last: { status: "failed", succeededAt: "", failingSince: "2026-01-30T00:00:00.000Z" } }, 1],
  ["a disabled one", { State: "DISABLED" }, 0],
  ["one that is gone", { answer: exception("Scheduler", "ResourceNotFoundException", "Schedule nightly-1a2b does not exist.") }, 0],
  ["one of which nobody wants to hear", { notify: { emails: true, on: ["failure"] } }, 0],
]) {
  test(`is it late: ${what}`, async () => {
    const { told: times, message } = await asked(given);
    assert.equal(times, told);
    if (given.last?.status === "failed") {
      assert.match(message.Message, /the last one failed\nIt fails since 2026-01-30 00:00 UTC\./);
    }
  });
}
for (const [state, name] of [["Is it there, and since when?", "Scheduler.ThrottlingException"], ["When did it last succeed?", "DynamoDb.ThrottlingException"], ["Note that it is late", "DynamoDb.ThrottlingException"]]) {
  test(`is it late: ${state}: busy at first`, async () => {
    const { Resource } = finish().States[state];
    const then = (given, caller) => ({ result: caller.world.call(Resource, given, caller) });
    const found = { result: { ...schedule().result, State: "ENABLED", CreationDate: "2025-01-01T00:00:00Z", LastModificationDate: "2025-01-01T00:00:00Z" } };
    assert.equal((await asked({ answers: { [state]: [busy(...name.split(".")), state.startsWith("Is") ? found : then] } })).told, 1);
  });
}
test("late again after a success in between", async () => {
  const { world } = await asked({ succeeded: 27 });
  await ended({ world, of: execution(world, { input: { scheduleArn: NIGHTLY } }), end: good, answers: { "Read the schedule": schedule() } });
  assert.equal(world.items.get(key("last#default/nightly-1a2b")).succeededAt.S.slice(0, 13), "2026-01-31T06");
  assert.equal((await asked({ world })).told, 1);
  world.time += 27 * 3600000;
  assert.equal((await asked({ world })).told, 2);
});
