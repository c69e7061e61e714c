// A run that EventBridge could not start: the dead-letter queue got a message.
"use strict";
const assert = require("node:assert/strict");
const { test } = require("node:test");
const { exception } = require("./answers");
const { CONFIG } = require("./definition");
const { NIGHTLY, busy, ended, execution, good, key, records, run, schedule } = require("./ends");
const { MACHINE } = require("./interpreter");
const { World } = require("./world");

const QUEUE = "https://sqs.us-east-1.amazonaws.com/000000000000/shop-dead-letters-1a2b";
const text = (StringValue) => ({ DataType: "String", StringValue });

/** A message as Scheduler leaves it. */
const deadLetter = (id, at, attributes = {}, Body = JSON.stringify({ scheduleArn: NIGHTLY, scheduledTime: "2026-01-31T06:30:00Z" })) => ({
  MessageId: id, Body, Attributes: { SentTimestamp: String(Date.parse(at)) },
  MessageAttributes: { ERROR_CODE: text("AccessDeniedException"), ERROR_MESSAGE: text("the role cannot be assumed"), ...attributes },
});

// What the rule sends of a run's config, and no more.
const OF_CONFIG = Object.fromEntries(["artifactsPrefix", "consoleUrl", "notify", "topicArn"].map((each) => [each, CONFIG[each]]));

async function told({ world = new World(), messages = [], notify, answers = {} }) {
  const input = { notStarted: { queueUrl: QUEUE, machine: MACHINE }, config: { ...OF_CONFIG, artifactsPrefix: "shop/prod" } };
  const found = [...messages.map((each) => (each.error ? each : { result: { Messages: [each] } })), { result: {} }];
  const { error, cause, calls } = await run(input, { "What was not started?": found, "Read the schedule": schedule({ notify }), ...answers }, world);
  return { error, cause, calls, world, event: world.events.at(-1), message: world.published.at(-1) };
}

test("a run that was not started is told as one that failed, once", async () => {
  const { world, calls, event, message, error } = await told({ messages: [deadLetter("c", "2026-01-31T06:45:00Z")] });
  assert.equal(error, undefined);
  assert.deepEqual(calls[0][1], {
    QueueUrl: QUEUE, MaxNumberOfMessages: 1, MessageAttributeNames: ["All"], MessageSystemAttributeNames: ["SentTimestamp"], VisibilityTimeout: 300, WaitTimeSeconds: 10,
  });
  assert.deepEqual([event.class, event.status, event.events, event.schedule, event.scheduleArn, event.scheduledTime, event.runId, event.startedAt, event.seconds, event.attempts],
    ["not-started", "failed", ["failure"], "nightly", NIGHTLY, "2026-01-31T06:30:00Z", "not-started-c", "2026-01-31T06:30:00.000Z", 0, 0]);
  assert.equal(message.Subject, "shop nightly failed: not-started");
  assert.equal(message.Message, `shop (prod), schedule nightly: failed
2026-01-31 06:30 UTC, 0 s

EventBridge could not start the run: AccessDeniedException: the role cannot be assumed; its input is in the dead-letter queue: see "Runs that were never started" in docs/running.md

Dead-letter queue: https://us-east-1.console.aws.amazon.com/sqs/v3/home?region=us-east-1#/queues/https%3A%2F%2Fsqs.us-east-1.amazonaws.com%2F000000000000%2Fshop-dead-letters-1a2b`);
  await told({ world, messages: [deadLetter("c", "2026-01-31T06:45:00Z")] });
  assert.deepEqual([records(world).length, world.events.length, world.published.length], [1, 1, 1]);
});

test("all messages are told, and those that come while the alarm is on", async () => {
  const world = new World();
  const [a, b, c] = ["a", "b", "c"].map((id, day) => deadLetter(id, `2026-01-0${day + 1}T00:00:00Z`, {}, "{}"));
  const nobody = deadLetter("w", "2026-01-01T00:00:00Z", { ERROR_CODE: undefined });
  const began = world.time;
  const answers = [a, nobody, b, undefined, a, c, undefined, c, undefined].map((each) => ({ result: each ? { Messages: [each] } : {} }));
  const { error } = await told({ world, answers: { "What was not started?": answers } });
  assert.deepEqual([error, world.events.map(({ runId }) => runId), world.published.length], [undefined, ["a", "b", "c"].map((id) => `not-started-${id}`), 3]);
  const seconds = (world.time - began) / 1000;
  assert.ok(seconds > 2 * 2400 && seconds < 2 * 2400 + 300, `${seconds} s`);
});

test("of messages without an end, 200 are read", async () => {
  let number = 0;
  const answers = { "What was not started?": () => ({ result: { Messages: [deadLetter(`m${number++}`, "2026-01-31T06:31:00Z", { ERROR_CODE: undefined })] } }) };
  const { error, calls } = await told({ answers });
  assert.deepEqual([error, calls.length], [undefined, 201]);
});

test("a message that is too large is told, and keeps no other from being told", async () => {
  const large = { error: "States.DataLimitExceeded", cause: "the state's result exceeds 262144 bytes" };
  const { error, world } = await told({ messages: [large, deadLetter("a", "2026-01-31T06:31:00Z"), deadLetter("b", "2026-01-31T06:31:00Z", {}, "{}"), large] });
  assert.equal(error, undefined);
  assert.deepEqual(world.events.map(({ schedule, message }) => [schedule, message.split(";")[0]]), [
    ["", "EventBridge could not start the run: the message is too large to be read here"], ...["nightly", ""].map((schedule) => [schedule, "EventBridge could not start the run: AccessDeniedException: the role cannot be assumed"])]);
});

test("who cannot be told keeps no other from being told", async () => {
  const world = new World();
  const publish = (given) => ({ result: world.call("arn:aws:states:::aws-sdk:sns:publish", given) });
  const { error, cause } = await told({
    world, messages: ["a", "b"].map((id) => deadLetter(id, "2026-01-31T06:31:00Z")),
    answers: { "Publish the message": [exception("Sns", "NotFoundException", "no such topic"), publish] },
  });
  assert.deepEqual([error, world.published.length, world.events.length], ["NotTold", 1, 2]);
  assert.match(cause, /no such topic/);
});

test("a time is not believed that is later than the message's own, or more than a day before, or no time", async () => {
  for (const time of ["9999-01-01T00:00:00Z", "2026-01-30T29:00:00Z", "2026-01-29T06:30:00Z", "0000-00-00T00:00:00Z", "2026-01-31T06:30:00+02:00", "soon"]) {
    const { event } = await told({ messages: [deadLetter("a", "2026-01-31T06:45:00Z", {}, JSON.stringify({ scheduledTime: time }))] });
    assert.equal(event.startedAt, "2026-01-31T06:45:00.000Z");
  }
});

test("a run of a later time is still the last", async () => {
  const world = new World();
  const of = execution(world, { input: { scheduleArn: NIGHTLY, scheduledTime: "2026-02-01T06:30:00Z" } });
  await ended({ world, of, end: good, answers: { "Read the schedule": schedule() } });
  const before = new Date(Date.parse(of.started) - 3600_000).toISOString().replace(/\.\d+/, "");
  await told({ world, messages: [deadLetter("a", new Date(Date.parse(of.started) + 3600_000).toISOString(), {}, JSON.stringify({ scheduleArn: NIGHTLY, scheduledTime: before }))] });
  assert.equal(world.items.get(key("last#default/nightly-1a2b")).status.S, "succeeded");
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
  ["nobody wants to hear of it", { messages: [deadLetter("a", "2026-01-31T06:30:00Z")], notify: { emails: true, on: ["success"] } }, "not-started", "nightly"],
]) {
  test(`a run that was not started: ${what}`, async () => {
    const { error, cause, event, message } = await told(given);
    assert.equal(error, undefined, cause);
    assert.deepEqual([event?.class, event?.schedule, message !== undefined], [class_, name, class_ !== undefined && given.notify === undefined]);
  });
}

test("a run that was not started: the queue is busy at first", async () => {
  const found = { result: { Messages: [deadLetter("a", "2026-01-31T06:30:00Z")] } };
  const { event } = await told({ answers: { "What was not started?": [busy("Sqs", "RequestThrottledException"), found, { result: {} }] } });
  assert.equal(event.class, "not-started");
});

test("a run that was not started: the queue cannot be read", async () => {
  const { error, world } = await told({ answers: { "What was not started?": exception("Sqs", "OverLimitException", "no") } });
  assert.deepEqual([error, world.events.length], ["Sqs.OverLimitException", 0]);
});

test("a run that was not started: the queue goes with its project", async () => {
  const found = [{ result: { Messages: [deadLetter("a", "2026-01-31T06:30:00Z")] } }, { result: {} }, exception("Sqs", "QueueDoesNotExistException", "gone")];
  const { error, world } = await told({ answers: { "What was not started?": found } });
  assert.deepEqual([error, world.events.length], [undefined, 1]);
});
