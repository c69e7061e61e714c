// A run that EventBridge could not start: the dead-letter queue got a message.
"use strict";
const assert = require("node:assert/strict");
const { test } = require("node:test");
const { exception } = require("./answers");
const { CONFIG } = require("./definition");
const { NIGHTLY, busy, ended, execution, good, records, run, schedule } = require("./ends");
const { MACHINE } = require("./interpreter");
const { World } = require("./world");

const QUEUE = "https://sqs.us-east-1.amazonaws.com/000000000000/shop-dead-letters-1a2b";
const text = (StringValue) => ({ DataType: "String", StringValue });

/** A message as Scheduler leaves it. */
const deadLetter = (id, at, attributes = {}, Body = JSON.stringify({ scheduleArn: NIGHTLY, scheduledTime: "2026-01-31T06:30:00Z" })) => ({
  MessageId: id, Body, Attributes: { SentTimestamp: String(Date.parse(at)) },
  MessageAttributes: { ERROR_CODE: text("AccessDeniedException"), ERROR_MESSAGE: text("the role cannot be assumed"), ...attributes },
});

async function told({ world = new World(), messages, notify, answers = {} }) {
  const input = { notStarted: { queueUrl: QUEUE, machine: MACHINE }, config: { ...CONFIG, artifactsPrefix: "shop/prod" } };
  const found = { result: messages && { Messages: messages } };
  const { error, cause, calls } = await run(input, { "What was not started?": found, "Read the schedule": schedule({ notify }), ...answers }, world);
  return { error, cause, calls, world, event: world.events.at(-1), message: world.published.at(-1) };
}

test("a run that was not started is told as one that failed, once", async () => {
  const { world, event, message, error } = await told({ messages: [deadLetter("b", "2026-01-31T06:31:00Z"), deadLetter("c", "2026-01-31T06:35:00Z"), deadLetter("a", "2026-01-30T06:30:00Z")] });
  assert.equal(error, undefined);
  assert.deepEqual([event.class, event.status, event.events, event.schedule, event.scheduleArn, event.runId, event.startedAt, event.seconds, event.attempts],
    ["not-started", "failed", ["failure"], "nightly", NIGHTLY, "not-started-c", "2026-01-31T06:35:00.000Z", 0, 0]);
  assert.equal(message.Subject, "shop nightly failed: not-started");
  assert.equal(message.Message, `shop (prod), schedule nightly: failed
2026-01-31 06:35 UTC, 0 s

EventBridge could not start the run: AccessDeniedException: the role cannot be assumed; its input is in the dead-letter queue, as those of other runs are: see "Runs that were never started" in docs/running.md

Dead-letter queue: https://us-east-1.console.aws.amazon.com/sqs/v3/home?region=us-east-1#/queues/https%3A%2F%2Fsqs.us-east-1.amazonaws.com%2F000000000000%2Fshop-dead-letters-1a2b`);
  await told({ world, messages: [deadLetter("c", "2026-01-31T06:35:00Z")] });
  assert.deepEqual([records(world).length, world.events.length, world.published.length], [1, 1, 1]);
});

test("the next run that succeeds is a recovery", async () => {
  const world = new World();
  await told({ world, messages: [deadLetter("a", "2026-01-31T06:00:00Z")] });
  const of = execution(world, { input: { scheduleArn: NIGHTLY, scheduledTime: "2026-02-01T06:30:00Z" } });
  const { event } = await ended({ world, of, end: good, answers: { "Read the schedule": schedule() } });
  assert.deepEqual([event.events, event.failingSince], [["recovery", "success"], "2026-01-31T06:00:00.000Z"]);
});

for (const [what, given, class_, name] of [
  ["of a schedule that is gone", { messages: [deadLetter("a", "2026-01-31T06:30:00Z")], answers: { "Read the schedule": exception("Scheduler", "ResourceNotFoundException", "gone") } }, "not-started", "nightly-1a2b"],
  ["of a body that names no schedule", { messages: [deadLetter("a", "2026-01-31T06:30:00Z", {}, "not JSON {")] }, "not-started", ""],
  ["of a rule, whose message has the event of another schedule", { messages: [deadLetter("a", "2026-01-31T06:30:00Z", { RULE_ARN: text("arn:aws:events:us-east-1:000000000000:rule/after"), TARGET_ARN: text(MACHINE) })] }, "not-started", ""],
  ["none: a question whether a schedule is late", { messages: [deadLetter("a", "2026-01-31T06:30:00Z", { TARGET_ARN: text(CONFIG.finishArn) })] }, undefined, undefined],
  ["none: what a webhook did not take", { messages: [deadLetter("a", "2026-01-31T06:30:00Z", { ERROR_CODE: undefined, ErrorMessage: text("403") })] }, undefined, undefined],
  ["none: an empty queue", { messages: [] }, undefined, undefined],
  ["none: an answer without messages", { messages: undefined }, undefined, undefined],
  ["nobody wants to hear of it", { messages: [deadLetter("a", "2026-01-31T06:30:00Z")], notify: { emails: true, on: ["success"] } }, "not-started", "nightly"],
]) {
  test(`a run that was not started: ${what}`, async () => {
    const { error, cause, event, message } = await told(given);
    assert.equal(error, undefined, cause);
    assert.deepEqual([event?.class, event?.schedule, message !== undefined], [class_, name, class_ !== undefined && given.notify === undefined]);
  });
}

test("a run that was not started: the queue is busy at first", async () => {
  const messages = { result: { Messages: [deadLetter("a", "2026-01-31T06:30:00Z")] } };
  const { event } = await told({ answers: { "What was not started?": [busy("Sqs", "RequestThrottledException"), messages] } });
  assert.equal(event.class, "not-started");
});

test("a run that was not started: the queue cannot be read", async () => {
  const { error, world } = await told({ answers: { "What was not started?": exception("Sqs", "QueueDoesNotExistException", "gone") } });
  assert.deepEqual([error, world.events.length], ["Sqs.QueueDoesNotExistException", 0]);
});
