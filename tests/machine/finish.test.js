// The machine that ends every run: the lock, the record, who is next, and who hears of it.
"use strict";
const assert = require("node:assert/strict");
const { after, test } = require("node:test");
const { exception } = require("./answers");
const { CONFIG, finish } = require("./definition");
const { NIGHTLY, bad, busy, ended, execution, good, key, lock, records, schedule, taken } = require("./ends");
const { MACHINE, ways } = require("./interpreter");
const { World } = require("./world");
require("./late.cases");
require("./not_started.cases");

test("the end of a run", async () => {
  const world = new World();
  const of = execution(world);
  await world.runs(() => world.sleep(754));
  const more = {
    attempts: 2, failedNodeCount: 4, failedNodes: ["model.a", "model.b", "model.c", "model.d"], counts: { error: 4 }, seconds: { total: 700 }, warnings: [],
    failed: ["a", "b", "c"].map((name) => ({ node: `model.${name}`, error: `Database Error\n  ${name} is not there` })),
    links: { log: "https://log", artifacts: "s3://BUCKET/shop/prod/runs/run-1/2/" },
  };
  const { event, record, message, error } = await ended({ world, of, end: { ...bad, ...more } });
  assert.equal(error, undefined);
  const { links, ...rest } = event;
  assert.deepEqual({ ...rest, endedAt: "" }, {
    version: "1", project: "shop", target: "prod", schedule: "", scheduleArn: "", scheduledTime: "", runId: "run-1", class: "failed-nodes", status: "failed", events: ["failure"],
    message: bad.message, warnings: [], failedNodeCount: 4, failedNodes: more.failedNodes, failed: more.failed, counts: { error: 4 }, seconds: rest.seconds,
    phases: { total: 700 }, attempts: 2, startedAt: "2026-01-31T06:30:02.000Z", endedAt: "", failingSince: "2026-01-31T06:30:02.000Z",
  });
  assert.ok(rest.seconds >= 754 && rest.seconds < 760, rest.seconds);
  assert.deepEqual(links, { execution: `https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/v2/executions/details/${of.arn}`, ...more.links });
  assert.deepEqual([record.class.S, record.status.S, record.attempts.N, JSON.parse(record.detail.S)], ["failed-nodes", "failed", "2", event]);
  assert.ok(+record.expires.N > Date.parse("2027-01-31") / 1000);
  assert.deepEqual([message.TopicArn, message.Subject, message.MessageAttributes.audience.StringValue], [CONFIG.topicArn, "shop by hand failed: failed-nodes", "project"]);
  assert.equal(message.Message, `shop (prod), started by hand: failed
2026-01-31 06:30 UTC, 13 min, 2 attempts

dbt build failed: 2 of 12 nodes
- model.a: Database Error
  a is not there
- model.b: Database Error
  b is not there
- model.c: Database Error
  c is not there
- and 1 more

Log: https://log
Artifacts: s3://BUCKET/shop/prod/runs/run-1/2/
Execution: ${links.execution}`);
});

// One end, whoever tells of it.
test("the rule tells of what the run itself told", async () => {
  const world = new World();
  const of = execution(world, { status: "FAILED", ended: { error: "DbtFailedNodes", cause: "no" }, stopped: "2026-01-31T07:00:00Z" });
  await ended({ world, of, end: bad });
  const none = { result: { TaskArns: [] } };
  const { event, output } = await ended({ world, of, answers: { "List its running tasks": none, "List its ending tasks": none } });
  assert.deepEqual([world.events.length, world.published.length, records(world).length, event.message, output !== undefined], [1, 1, 1, bad.message, true]);
});
for (const [status, more, kind, says] of [
  ["ABORTED", {}, "cancelled", "the execution was stopped"],
  ["ABORTED", { ended: { error: "Why", cause: "too dear" } }, "cancelled", "the execution was stopped: Why: too dear"],
  ["TIMED_OUT", {}, "timed-out", "the execution was out of time"],
  ["FAILED", { ended: { error: "States.Runtime", cause: "nothing catches it" } }, "internal", "the execution failed: States.Runtime: nothing catches it"],
  ["SUCCEEDED", { ended: { output: { class: "success", message: "dbt build succeeded" } } }, "success", "dbt build succeeded"],
  ["SUCCEEDED", { ended: { output: { class: "skipped", message: "another run" } } }, "skipped", "another run"],
]) {
  test(`an end that only the rule tells: ${status} ${says}`, async () => {
    const world = new World();
    const of = execution(world, { status, stopped: "2026-01-31T06:40:02Z", ...more });
    const none = { result: { TaskArns: [] } };
    const { event } = await ended({ world, of, answers: { "List its running tasks": none, "List its ending tasks": none } });
    assert.deepEqual([event.class, event.message, event.seconds, event.attempts], [kind, says, 600, 0]);
    assert.equal(world.time - Date.parse("2026-01-31T06:30:02Z") > 60000, status === "SUCCEEDED" || status === "FAILED");
  });
}
test("a time of a schedule that another has is no end of a run", async () => {
  const world = new World();
  const of = execution(world, { status: "SUCCEEDED", stopped: "2026-01-31T06:40:02Z", ended: { output: { class: "duplicate" } } });
  await ended({ world, of });
  assert.deepEqual([world.events.length, records(world).length], [0, 0]);
});

// The lock.
const hold = (world, holder, waiting = []) =>
  world.items.set(key("lock"), { pk: { S: "shop/prod" }, sk: { S: "lock" }, version: { N: "7" }, holder: { S: holder }, waiting: { S: JSON.stringify(waiting) } });
/** An execution that waits for the lock. */
function waits(world, name) {
  const of = execution(world, { name });
  const token = world.token(of);
  const got = { woken: false };
  world.tokens.get(token).resolve = () => { got.woken = true; };
  return { execution: of.arn, token, got, of };
}
const entry = ({ execution, token }) => ({ execution, token });

test("the first that waits is next", async () => {
  const world = new World();
  const [one, two] = ["run-2", "run-3"].map((name) => waits(world, name));
  hold(world, execution(world).arn, [entry(one), entry(two)]);
  await ended({ world, end: good });
  assert.deepEqual([lock(world).holder.S, JSON.parse(lock(world).waiting.S), one.got.woken, two.got.woken], [one.execution, [entry(two)], true, false]);
});
test("one that no longer waits gives the lock up as it ends", async () => {
  const world = new World();
  const [one, two] = ["run-2", "run-3"].map((name) => waits(world, name));
  one.of.aborted = true;
  hold(world, execution(world).arn, [entry(one), entry(two)]);
  await ended({ world, end: good });
  assert.deepEqual([lock(world).holder.S, two.got.woken], [one.execution, false]);
  await ended({ world, of: one.of, end: { class: "skipped" } });
  assert.deepEqual([lock(world).holder.S, lock(world).waiting.S, two.got.woken], [two.execution, "[]", true]);
});
const write = (world) => (given) => ({ result: world.call("arn:aws:states:::aws-sdk:dynamodb:putItem", given) });
test("the next is woken, though the answer to the write was lost", async () => {
  const world = new World();
  const one = waits(world, "run-2");
  hold(world, execution(world).arn, [entry(one)]);
  const lost = (given) => write(world)(given) && busy("DynamoDb", "SdkClientException");
  await ended({ world, end: good, answers: { "Release the lock": [lost, write(world)] } });
  assert.deepEqual([lock(world).holder.S, lock(world).version.N, one.got.woken], [one.execution, "8", true]);
});
test("the next keeps the lock, though the answer to its waking was lost", async () => {
  const world = new World();
  const one = waits(world, "run-2");
  hold(world, execution(world).arn, [entry(one)]);
  const late = exception("Sfn", "TaskTimedOutException", "Task Timed Out: 'Provided task does not exist anymore'");
  await ended({ world, end: good, answers: { "Wake the next": [busy("Sfn", "SdkClientException"), late] } });
  assert.equal(lock(world).holder.S, one.execution);
});
test("one that waited in vain waits no more", async () => {
  const world = new World();
  const [one, two] = ["run-1", "run-3"].map((name) => waits(world, name));
  hold(world, "run-0", [entry(one), entry(two)]);
  await ended({ world, of: one.of, end: { class: "skipped" } });
  assert.deepEqual([lock(world).holder.S, JSON.parse(lock(world).waiting.S), two.got.woken], ["run-0", [entry(two)], false]);
});
test("the lock of another stays", async () => {
  const world = new World();
  hold(world, "run-0");
  await ended({ world, end: { class: "skipped" } });
  assert.deepEqual([lock(world).holder.S, lock(world).version.N], ["run-0", "7"]);
});
test("another writes the lock meanwhile", async () => {
  const world = new World();
  const of = execution(world);
  hold(world, of.arn);
  const conditional = exception("DynamoDb", "ConditionalCheckFailedException", "The conditional request failed");
  const { count, error } = await ended({ world, of, end: good, answers: { "Release the lock": [busy("DynamoDb", "ThrottlingException"), conditional, write(world)] } });
  assert.deepEqual([error, count("Read the lock"), lock(world).holder.S], [undefined, 2, ""]);
});

// The task of what was stopped.
const TASK = "arn:aws:ecs:us-east-1:000000000000:task/CLUSTER/1";
const tasks = (...all) => ({ result: { Tasks: all.map(([Group, DesiredStatus, LastStatus]) => ({ TaskArn: TASK, Group, DesiredStatus, LastStatus })) } });
const listed = { result: { TaskArns: [TASK] } };
const none = { result: { TaskArns: [] } };
async function stopped(answers) {
  const world = new World();
  const of = execution(world, { status: "ABORTED", stopped: "2026-01-31T06:40:02Z" });
  hold(world, of.arn);
  const end = await ended({ world, of, answers: { "List its running tasks": none, "List its ending tasks": none, ...answers } });
  assert.deepEqual([end.error, lock(world).holder.S], [undefined, ""]);
  return end;
}
test("nobody else gets the lock before its task has ended", async () => {
  const { count } = await stopped({
    "List its running tasks": [listed, none], "List its ending tasks": [none, listed],
    "Look at its tasks": [tasks(["run-0", "RUNNING", "RUNNING"], ["run-1", "RUNNING", "RUNNING"]), tasks(["run-1", "STOPPED", "STOPPING"]), tasks(["run-1", "STOPPED", "STOPPED"])],
    "Stop its task": { result: {} },
  });
  assert.deepEqual([count("Look at its tasks"), count("Stop its task")], [3, 1]);
});
test("a task that never ends", async () => {
  const { count } = await stopped({ "List its ending tasks": listed, "Look at its tasks": tasks(["run-1", "STOPPED", "STOPPING"]) });
  assert.equal(count("Look at its tasks"), 31);
});
for (const state of ["List its running tasks", "List its ending tasks", "Look at its tasks"]) {
  test(`${state}: refused`, async () => {
    const denied = exception("Ecs", "AccessDeniedException", "no");
    await stopped({ "List its running tasks": listed, [state]: [busy("Ecs", "ThrottlingException"), denied] });
  });
}
test("a task that cannot be stopped", async () => {
  const { count } = await stopped({
    "List its running tasks": [listed, none], "Look at its tasks": tasks(["run-1", "RUNNING", "RUNNING"]),
    "Stop its task": [busy("Ecs", "ServerException"), exception("Ecs", "InvalidParameterException", "The referenced task was not found.")],
  });
  assert.equal(count("Stop its task"), 2);
});

test("a task that was told to stop may run still, whoever tells of it", async () => {
  const world = new World();
  const of = execution(world);
  hold(world, of.arn);
  const { count } = await ended({ world, of, end: { class: "timed-out" }, answers: {
    "List its running tasks": none, "List its ending tasks": [listed, none], "Look at its tasks": tasks(["run-1", "STOPPED", "STOPPING"]),
  } });
  assert.deepEqual([count("List its running tasks"), lock(world).holder.S], [2, ""]);
});
test("many tasks are looked at 25 at a time", async () => {
  const many = { result: { TaskArns: Array.from({ length: 60 }, (_, at) => `${TASK}${at}`) } };
  const asked = [];
  const { count } = await stopped({
    "List its ending tasks": [many, none],
    "Look at its tasks": ({ Tasks }) => (asked.push(Tasks.length), Tasks.length === 10 ? tasks(["run-1", "STOPPED", "STOPPING"]) : tasks(["run-0", "STOPPED", "STOPPED"])),
  });
  assert.deepEqual([asked, count("List its ending tasks")], [[25, 25, 10], 2]);
});
test("an end that DescribeExecution does not show yet", async () => {
  const world = new World();
  const of = execution(world);
  const shows = (given) => ({ result: world.call("arn:aws:states:::aws-sdk:sfn:describeExecution", given) });
  const late = (given) => (Object.assign(of, { status: "ABORTED", stopped: "2026-01-31T06:30:07Z" }), shows(given));
  const unknown = exception("Sfn", "ExecutionDoesNotExistException", "Execution Does Not Exist");
  const { event, count } = await ended({ world, of, answers: { "Describe the execution": [unknown, shows, shows, late], "List its running tasks": none, "List its ending tasks": none } });
  assert.deepEqual([event.class, event.seconds, count("Describe the execution")], ["cancelled", 5, 4]);
});

// Who hears of it.
test("what was refused is told in no schedule's name", async () => {
  const world = new World();
  const of = execution(world, { input: { scheduleArn: NIGHTLY } });
  const { event } = await ended({ world, of, end: { class: "configuration", error: "InputRefused" } });
  assert.deepEqual([event.schedule, [...world.items.keys()].filter((each) => each.includes("last#"))], ["", [key("last#by hand")]]);
});
test("a record whose answer was lost is told of once", async () => {
  const world = new World();
  const put = (given) => world.call("arn:aws:states:::aws-sdk:dynamodb:putItem", given);
  const lost = (given) => (put(given), exception("DynamoDb", "SdkClientException", "Read timed out"));
  const { error } = await ended({ world, end: bad, answers: { "Record the end": [lost, (given) => ({ result: put(given) })] } });
  assert.deepEqual([error, world.events.length, world.published.length], [undefined, 1, 1]);
});
test("who cannot remember tells all the same", async () => {
  const { error, cause, world } = await ended({ end: bad, answers: { "Remember how it ended": exception("DynamoDb", "AccessDeniedException", "not authorized") } });
  assert.deepEqual([error, world.events.length, world.published.length], ["NotTold", 1, 1]);
  assert.match(cause, /DynamoDb.AccessDeniedException: not authorized/);
});
test("fail, fail, success, success: one message of each failure, one recovery", async () => {
  const world = new World();
  for (const [at, end] of [bad, bad, good, good].entries()) {
    await ended({ world, of: execution(world, { name: `run-${at}` }), end });
    await world.runs(() => world.sleep(3600));
  }
  assert.deepEqual(world.published.map(({ Subject }) => Subject), ["shop by hand failed: failed-nodes", "shop by hand failed: failed-nodes", "shop by hand succeeds again"]);
  assert.deepEqual(world.events.map(({ events }) => events.join()), ["failure", "failure", "recovery,success", "success"]);
  assert.match(world.published[1].Message, /^It fails since 2026-01-31 06:30 UTC\.$/m);
  assert.match(world.published[2].Message, /^It had failed since 2026-01-31 06:30 UTC\.$/m);
});
test("what was skipped, and what began before, changes nothing of that", async () => {
  const world = new World();
  const early = execution(world, { name: "run-0" });
  await world.runs(() => world.sleep(60));
  await ended({ world, of: execution(world, { name: "run-1" }), end: bad });
  await ended({ world, of: execution(world, { name: "run-2" }), end: { class: "skipped" } });
  await ended({ world, of: early, end: good });
  assert.equal(world.items.get(key("last#by hand")).status.S, "failed");
});
test("a schedule's own runs are compared with its own, and its own hear of them", async () => {
  const world = new World();
  const input = { scheduleArn: NIGHTLY, scheduledTime: "2026-01-31T06:30:00Z", notify: { emails: true, on: ["success"] } };
  const notify = { on: ["failure"], emails: false, topicArns: ["arn:aws:sns:us-east-1:000000000000:one", "arn:aws:sns:us-east-1:000000000000:two"] };
  const of = execution(world, { input });
  const { event } = await ended({ world, of, end: bad, answers: { "Read the schedule": [busy("Scheduler", "ThrottlingException"), schedule({ notify })] } });
  assert.deepEqual([event.schedule, event.scheduleArn, event.scheduledTime], ["nightly", NIGHTLY, "2026-01-31T06:30:00Z"]);
  assert.deepEqual(world.published.map(({ TopicArn, MessageAttributes }) => [TopicArn, MessageAttributes.audience.StringValue]), notify.topicArns.map((arn) => [arn, "default/nightly-1a2b"]));
  assert.ok(world.items.has(key("last#default/nightly-1a2b")));
});
test("a schedule without its own is the project's", async () => {
  const of = (world) => execution(world, { input: { scheduleArn: NIGHTLY } });
  for (const answer of [schedule(), exception("Scheduler", "ResourceNotFoundException", "gone"), { result: { Target: { Arn: `${MACHINE}-other`, Input: '{"schedule":"x","notify":{"on":[]}}' } } }]) {
    const world = new World();
    const { message, event } = await ended({ world, of: of(world), end: bad, answers: { "Read the schedule": answer } });
    assert.equal(message.MessageAttributes.audience.StringValue, "project");
    assert.equal(event.schedule, answer.result?.Target.Arn === MACHINE ? "nightly" : "nightly-1a2b");
    assert.equal(event.scheduleArn, answer.result?.Target.Arn === MACHINE ? NIGHTLY : "");
  }
});
test("a schedule of the same name in another account is not followed", async () => {
  const world = new World();
  const { result } = schedule();
  const theirs = { ...result, Arn: NIGHTLY.replace("000000000000", "111122223333") };
  const { event } = await ended({ world, of: execution(world, { input: { scheduleArn: NIGHTLY } }), end: bad, answers: { "Read the schedule": { result: theirs } } });
  assert.equal(event.scheduleArn, "");
});
test("an input that names no schedule", async () => {
  for (const scheduleArn of [3, "nightly", `${NIGHTLY}/../x`]) {
    const world = new World();
    const { event } = await ended({ world, of: execution(world, { input: { scheduleArn } }), end: bad });
    assert.equal(event.schedule, "");
  }
});
test("nobody wants to hear of it", async () => {
  const { world } = await ended({ end: good });
  assert.deepEqual(world.published, []);
  const silent = await ended({ end: bad, config: { notify: { emails: false, on: ["failure"], topicArns: [] } } });
  assert.deepEqual(silent.world.published, []);
});
test("a topic that refuses keeps nobody else from hearing of it", async () => {
  const topicArns = ["arn:aws:sns:us-east-1:000000000000:gone", "arn:aws:sns:us-east-1:000000000000:there"];
  const world = new World();
  const gone = exception("Sns", "NotFoundException", "Topic does not exist");
  const { error, cause } = await ended({ world, end: bad, config: { notify: { emails: false, on: ["failure"], topicArns } }, answers: { "Publish the message": [busy("Sns", "InternalErrorException"), gone, (given) => ({ result: world.call("arn:aws:states:::aws-sdk:sns:publish", given) })] } });
  assert.deepEqual([error, world.published[0].TopicArn], ["NotTold", topicArns[1]]);
  assert.match(cause, /:run-1 is recorded, but not everybody could be told of it: arn:aws:sns:us-east-1:000000000000:gone: Sns.NotFoundException: Topic does not exist/);
});
const attributes = ({ MessageAttributes }) => Object.fromEntries(Object.entries(MessageAttributes).map(([name, { StringValue }]) => [name, StringValue]));
test("each webhook has a message of its own, with the detail of the event", async () => {
  const world = new World();
  const { event } = await ended({ world, end: bad, config: { notify: { emails: true, on: ["failure"], topicArns: [], webhooks: ["abcd2345", "efgh6789"] } } });
  const hooks = world.published.filter((each) => each.MessageAttributes.webhook);
  assert.deepEqual(world.published.map((each) => [each.TopicArn, attributes(each)]), [
    [CONFIG.topicArn, { audience: "project", event: "failure" }],
    [CONFIG.topicArn, { audience: "project", event: "failure", webhook: "abcd2345" }],
    [CONFIG.topicArn, { audience: "project", event: "failure", webhook: "efgh6789" }],
  ]);
  for (const { Message } of hooks) assert.deepEqual(JSON.parse(Message), { subject: "shop by hand failed: failed-nodes", detail: event });
});
test("a schedule's webhooks hear of its runs, and the project's do not", async () => {
  const world = new World();
  const of = execution(world, { input: { scheduleArn: NIGHTLY } });
  const notify = { emails: false, on: ["failure"], topicArns: [], webhooks: ["own12345"] };
  const config = { notify: { ...notify, webhooks: ["abcd2345"] } };
  await ended({ world, of, end: bad, config, answers: { "Read the schedule": schedule({ notify }) } });
  assert.deepEqual(world.published.map(attributes), [{ audience: "default/nightly-1a2b", event: "failure", webhook: "own12345" }]);
  const silent = await ended({ end: good, config });
  assert.deepEqual(silent.world.published, []);
});
test("a webhook's message that is refused keeps no other from being told", async () => {
  const world = new World();
  const config = { notify: { emails: false, on: ["failure"], topicArns: [], webhooks: ["abcd2345", "efgh6789"] } };
  const gone = exception("Sns", "AuthorizationErrorException", "not authorized to perform: sns:Publish");
  const { error } = await ended({ world, end: bad, config, answers: { "Publish the message": [gone, (given) => ({ result: world.call("arn:aws:states:::aws-sdk:sns:publish", given) })] } });
  assert.deepEqual([error, world.published.map(attributes)[0].webhook], ["NotTold", "efgh6789"]);
});
test("the largest end of a run fits into a webhook's message", async () => {
  const world = new World();
  const long = (length) => "é".repeat(length);
  const failed = ["a", "b", "c"].map((node) => ({ node, error: long(600) }));
  const failedNodes = Array.from({ length: 50 }, () => long(200));
  await ended({ world, end: { ...bad, message: long(16000), failed, failedNodes, failedNodeCount: 300 }, config: { notify: { emails: false, on: ["failure"], topicArns: [], webhooks: ["abcd2345"] } } });
  assert.ok(Buffer.byteLength(world.published[0].Message) < 262144);
});
for (const [what, answer] of Object.entries({
  "an error": [busy("EventBridge", "InternalException"), exception("EventBridge", "AccessDeniedException", "not authorized to perform: events:PutEvents")],
  "an entry that failed": { result: { FailedEntryCount: 1, Entries: [{ ErrorCode: "InternalFailure", ErrorMessage: "not authorized to perform" }] } },
})) {
  test(`a bus that refuses, by ${what}`, async () => {
    const { error, cause, world } = await ended({ end: bad, answers: { "Tell the bus": answer } });
    assert.deepEqual([error, world.published.length], ["NotTold", 1]);
    assert.match(cause, /not authorized to perform/);
  });
}

// What CloudWatch counts.
const RUN = { Table: "TABLE", Project: "shop", Target: "prod", Schedule: "by hand" };
const counted = ({ world }) => world.metrics.map(([name, by, value]) => (name.startsWith("dbt-aws Runs ") ? [name, by.Class, value] : [name, value]));
test("a run is counted once, by its class, with its nodes and its time", async () => {
  const world = new World();
  const of = execution(world);
  await world.runs(() => world.sleep(754));
  const end = { ...bad, failedNodeCount: 2, counts: { success: 10, error: 2, odd: "many" }, seconds: { total: 700.5 } };
  await ended({ world, of, end });
  const { world: again } = await ended({ world, of, end });
  const seconds = again.events[0].seconds;
  assert.deepEqual(again.metrics, [
    ["dbt-aws Runs Count", { ...RUN, Class: "failed-nodes" }, 1],
    ["dbt-aws Seconds Seconds", RUN, seconds], ["dbt-aws WaitingSeconds Seconds", RUN, seconds - 700.5],
    ["dbt-aws Nodes Count", RUN, 12], ["dbt-aws FailedNodes Count", RUN, 2],
  ]);
});
test("of a run without an outcome no waiting is counted, and of a skipped one nothing else", async () => {
  const lost = counted(await ended({ end: { class: "connection", counts: {}, seconds: { total: "long" } } }));
  assert.deepEqual(lost.map(([name]) => name.split(" ")[1]), ["Runs", "Seconds", "Nodes", "FailedNodes"]);
  const world = new World();
  const of = execution(world);
  await world.runs(() => world.sleep(60));
  const skipped = counted(await ended({ world, of, end: { class: "skipped" } }));
  assert.deepEqual(skipped, [["dbt-aws Runs Count", "skipped", 1], ["dbt-aws WaitingSeconds Seconds", world.events[0].seconds]]);
});
test("a schedule of any name is a dimension", async () => {
  const world = new World();
  const of = execution(world, { input: { scheduleArn: NIGHTLY } });
  await ended({ world, of, end: good, answers: { "Read the schedule": schedule({ schedule: ":nächtlich" }) } });
  assert.equal(world.metrics[0][1].Schedule, "-n-chtlich");
});
test("metrics that are refused keep nobody from being told", async () => {
  const refused = exception("CloudWatch", "AccessDeniedException", "not authorized to perform: cloudwatch:PutMetricData");
  const { error, world } = await ended({ end: bad, answers: { "Count it": refused } });
  assert.deepEqual([error, world.metrics.length, world.events.length, world.published.length], [undefined, 0, 1, 1]);
});

// Services that are busy.
for (const [state, name] of [
  ["Describe the execution", "Sfn.ThrottlingException"], ["Read the lock", "DynamoDb.ThrottlingException"], ["How did the one before end?", "DynamoDb.ThrottlingException"],
  ["Record the end", "DynamoDb.ThrottlingException"], ["Count it", "CloudWatch.ThrottlingException"], ["Remember how it ended", "DynamoDb.ThrottlingException"], ["Wake the next", "Sfn.ThrottlingException"],
]) {
  test(`${state}: busy at first`, async () => {
    const world = new World();
    const of = execution(world);
    const next = waits(world, "run-2");
    hold(world, of.arn, [entry(next)]);
    const { Resource } = finish().States[state];
    const { error } = await ended({ world, of, end: bad, answers: { [state]: [busy(...name.split(".")), (given, caller) => ({ result: world.call(Resource, given, caller) })] } });
    assert.deepEqual([error, next.got.woken, world.events.length], [undefined, true, 1]);
  });
}
test("300 failed nodes with 2 MB of errors stay within every limit", async () => {
  const long = "x".repeat(16000);
  const failed = Array.from({ length: 3 }, (_, at) => ({ node: `model.shop.${"n".repeat(280)}${at}`, error: long.slice(0, 600) }));
  const { error, message, world } = await ended({ end: { ...bad, message: long.slice(0, 3000), failed, failedNodeCount: 300, failedNodes: Array.from({ length: 50 }, () => "n".repeat(300)) } });
  assert.equal(error, undefined);
  assert.ok(message.Message.length < 262144 && message.Subject.length < 100);
  assert.ok(JSON.stringify(world.events[0]).length < 262144);
});

after(() => {
  const left = [...ways(finish())].filter((way) => !taken.has(way));
  assert.deepEqual(left, [], "no test takes these ways");
});
