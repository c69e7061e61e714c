// Each way through a project's state machine, as the provider defines it.
"use strict";
const assert = require("node:assert/strict");
const { after, test } = require("node:test");
const { exception, failed, outcome, refused, task, unstarted, TASK } = require("./answers");
const { definition } = require("./definition");
const { ways, MACHINE } = require("./interpreter");
const { CONFIG, EXECUTION, SCHEDULED, fails, lost, run, succeeds, taken } = require("./runs");
const { World } = require("./world");
require("./attempts.cases");
require("./lock.cases");

const busy = exception("S3", "S3Exception", "Please reduce your request rate.", 503);
const plain = (text) => ({ result: { Body: text } });
const theirs = EXECUTION.replace("run-1", "run-0");

const artifacts = "s3://BUCKET/shop/prod/runs/run-1/1/";
succeeds("a good run", { class: "success", message: "dbt build: success", warnings: [], artifacts }, {});
succeeds("with one warning", { warnings: ["one"] }, { answers: { "Read the outcome": outcome("success", 0, { warnings: ["one"] }) } });
succeeds("with warnings", { warnings: ["one", "two"] }, { answers: { "Read the outcome": outcome("success", 0, { warnings: ["one", "two"] }) } });
succeeds("ECS and S3 busy at first", { class: "success" }, {
  answers: {
    "Run dbt": [exception("ECS", "ThrottlingException", "Rate exceeded"), exception("ECS", "ServerException", "Service Unavailable. Please try again later.", 500), { result: task() }],
    "Read the outcome": [busy, busy, outcome("success", 0)],
  },
});

test("what a run is given", async () => {
  const environment = (run) => run.given("Run dbt").Overrides.ContainerOverrides[0].Environment;
  const named = (run, name) => environment(run).find(({ Name }) => Name === name)?.Value;
  const nothing = await run({});
  assert.deepEqual(environment(nothing).map(({ Name }) => Name), ["DBT_AWS_RUN_ID", "DBT_AWS_ATTEMPT", "DBT_AWS_TIMEOUT_SECONDS"]);
  assert.deepEqual(Object.keys(nothing.given("Run dbt").Overrides), ["ContainerOverrides"]);
  const all = await run({ input: { commands: ["dbt build"], environment: { A: "1", B: 2 }, cpu: 1024, memory: "4096" } });
  assert.equal(named(all, "DBT_AWS_COMMANDS"), '["dbt build"]');
  assert.deepEqual(JSON.parse(named(all, "DBT_AWS_ENVIRONMENT")), { A: "1", B: "2" });
  assert.deepEqual([all.given("Run dbt").Overrides.Cpu, all.given("Run dbt").Overrides.Memory], ["1024", "4096"]);
  assert.equal(named(await run({ input: { environment: {} } }), "DBT_AWS_ENVIRONMENT"), undefined);
  const one = await run({ input: { environment: { A: "1" } } });
  assert.deepEqual(JSON.parse(named(one, "DBT_AWS_ENVIRONMENT")), { A: "1" });
});

test("what a deployment has", async () => {
  const network = (given) => Object.values(given.NetworkConfiguration.AwsvpcConfiguration);
  const one = (await run({})).given("Run dbt");
  const { clusterArn } = CONFIG;
  assert.deepEqual([one.Cluster, one.TaskDefinition, one.Group], [clusterArn, `${clusterArn.replace("cluster/CLUSTER", "task-definition/FAMILY")}:3`, "run-1"]);
  assert.deepEqual([...network(one), one.EnableExecuteCommand], [["subnet-1"], ["sg-1"], "DISABLED", false]);
  const more = { assignPublicIp: true, enableExecuteCommand: true, subnetIds: ["subnet-1", "subnet-2"], securityGroupIds: ["sg-1", "sg-2"] };
  const other = await run({ config: { ...more, timeoutMinutes: 5 }, answers: { ...timeout, ...found, ...lost } });
  const { EnableExecuteCommand, ...rest } = other.given("Run dbt");
  assert.deepEqual([...network(rest), EnableExecuteCommand], [more.subnetIds, more.securityGroupIds, "ENABLED", true]);
  assert.deepEqual(other.execution.calls.find(([state]) => state === "Run dbt")[2], 15 * 60);
  assert.match(other.cause, /^the task had not ended 10 min after the 5 min of timeoutMinutes, and was stopped; /);
  assert.deepEqual(other.given("List the tasks"), { Cluster: clusterArn, Family: "FAMILY" });
});
test("where the log and the artifacts are", async () => {
  const china = { clusterArn: CONFIG.clusterArn.replace("us-east-1", "cn-north-1"), consoleUrl: "https://console.amazonaws.cn" };
  const { cause } = await run({ config: china, answers: { "Read the outcome": outcome("failed-nodes", 1) } });
  assert.equal(cause, "dbt build: failed-nodes (exit code 1); the log is at https://console.amazonaws.cn/cloudwatch/home?region=cn-north-1"
    + "#logsV2:log-groups/log-group/$252Fdbt$252Fanalytics/log-events/shop$252Fdbt$252F0f9de17a6465404e8b1b2356dc13c2f8"
    + ` and the artifacts are in ${artifacts}`);
});

// The runner says how it went.
for (const [kind, error] of Object.entries({
  "failed-nodes": "DbtFailedNodes", "dbt-error": "DbtError", usage: "DbtUsageError", timeout: "Timeout",
  "out-of-memory": "OutOfMemory", terminated: "TaskStopped", internal: "RunnerError", "of a later version": "RunFailed",
  "command-failed": "CommandFailed", connection: "ConnectionError", "nothing-to-continue": "TaskLost",
})) {
  fails(`the outcome ${kind}`, error, [`dbt build: ${kind} (exit code 1)`, "/log-events/shop$252Fdbt$252F0f9de17a", artifacts], {
    config: { retry: { attempts: 0, failedNodes: 0 } },
    answers: { "Run dbt": failed({ container: { ExitCode: 1 } }), "Read the outcome": outcome(kind, 1) },
  });
}

// It could not say so.
const killed = "OutOfMemoryError: Container killed due to memory usage";
fails("out of memory", "OutOfMemory", "(exit code 137)", { answers: { ...lost, "Run dbt": failed({ container: { ExitCode: 137, Reason: killed } }) } });
fails("killed without a reason", "TaskLost", "(exit code 137)", { answers: { ...lost, "Run dbt": failed({ container: { ExitCode: 137 } }) } });
fails("a person stopped it", "TaskStopped", ["stopped", "Task stopped by user"], {
  answers: { ...lost, "Run dbt": failed({ StopCode: "UserInitiated", StoppedReason: "Task stopped by user", container: { ExitCode: 137 } }) },
});
fails("Fargate wanted its Spot capacity back", "TaskLost", "Spot Task was interrupted.", {
  answers: { ...lost, "Run dbt": failed({ StopCode: "SpotInterruption", StoppedReason: "Your Spot Task was interrupted.", container: { ExitCode: 137 } }) },
});
fails("Fargate retired it", "TaskLost", "Amazon ECS has detected that this task is running on infrastructure", {
  answers: { ...lost, "Run dbt": failed({ StopCode: "TerminationNotice", StoppedReason: "Amazon ECS has detected that this task is running on infrastructure that requires maintenance" }) },
});
fails("it ended without a word", "TaskLost", "(exit code 3)", { answers: { ...lost, "Run dbt": failed({ container: { ExitCode: 3 } }) } });
fails("it succeeded without a word", "TaskLost", "(exit code 0)", { answers: lost });
fails("another container failed", "TaskLost", "(exit code 0)", {
  answers: { ...lost, "Run dbt": failed({ Containers: [...task().Containers, { Name: "aws-guardduty-agent-1", ExitCode: 2, Reason: "CannotPullContainerError" }] }) },
});
fails("more text than Step Functions keeps", "DbtFailedNodes", "dbt build: failed-nodes", {
  answers: { "Run dbt": failed({ Tags: [{ Key: "long", Value: "x".repeat(40000) }] }), "Read the outcome": outcome("failed-nodes", 1) },
});
test("more text than Step Functions keeps, and no outcome", async () => {
  const end = await run({ answers: { ...lost, "Run dbt": failed({ Tags: [{ Key: "long", Value: "x".repeat(40000) }] }) } });
  assert.ok(["TaskLost", "TaskNotStarted"].includes(end.error), `${end.error}: ${end.cause}`);
  assert.ok(end.cause.length < 4000, end.cause);
});

// It did not start.
fails("no image", "TaskNotStarted", [/^the task did not start: CannotPullContainerError: .*see that the image is there/], {
  answers: { ...lost, "Run dbt": unstarted("CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref shop:1: not found") },
});
fails("no secret", "TaskNotStarted", "see that the secret is there", {
  answers: { ...lost, "Run dbt": unstarted("ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret") },
});
fails("no network interface", "TaskNotStarted", "Timeout waiting for network interface provisioning to complete.", {
  answers: { ...lost, "Run dbt": unstarted("Timeout waiting for network interface provisioning to complete.") },
});
fails("the container's own reason", "TaskNotStarted", "CannotStartContainerError", {
  answers: { ...lost, "Run dbt": unstarted("Task failed to start", { Reason: "CannotStartContainerError: failed to create shim task", ExitCode: undefined }) },
});
fails("no capacity", "TaskNotStarted", ["Capacity is unavailable at this time", "AWS has no capacity at the moment"], {
  answers: { ...lost, "Run dbt": refused("Capacity is unavailable at this time. Please try again later or in a different availability zone") },
});
fails("a failure with a detail", "TaskNotStarted", "RESOURCE:ENI", { answers: { ...lost, "Run dbt": refused("RESOURCE:ENI", "no free address") } });
fails("no task definition", "TaskNotStarted", "TaskDefinition not found.", { answers: { ...lost, "Run dbt": exception("ECS", "ClientException", "TaskDefinition not found.") } });
fails("no cluster", "TaskNotStarted", "Cluster not found.", { answers: { ...lost, "Run dbt": exception("ECS", "ClusterNotFoundException", "Cluster not found.") } });
fails("a role that may not be passed", "TaskNotStarted", "iam:PassRole", {
  answers: { ...lost, "Run dbt": exception("ECS", "AccessDeniedException", "User: arn:aws:sts::000000000000:assumed-role/shop/x is not authorized to perform: iam:PassRole on resource: y") },
});
fails("vCPUs of the account", "TaskNotStarted", "Service Quotas", {
  answers: { ...lost, "Run dbt": exception("ECS", "LimitExceededException", "You've reached the limit on the number of vCPUs you can run concurrently") },
});
fails("overrides that are too long", "TaskNotStarted", "give the execution less", {
  answers: { ...lost, "Run dbt": exception("ECS", "InvalidParameterException", "Container Overrides length must be at most 8192") },
});
test("ECS that stays busy is asked four times by each attempt", async () => {
  const end = await run({ answers: { ...lost, "Run dbt": exception("ECS", "ThrottlingException", "Rate exceeded") } });
  assert.deepEqual([end.error, end.count("Run dbt")], ["TaskNotStarted", 12]);
});
fails("an error without a cause", "TaskNotStarted", "ECS.Unheard", { answers: { ...lost, "Run dbt": { error: "ECS.Unheard" } } });

// It took too long.
const timeout = { "Run dbt": { error: "States.Timeout" } };
const tasks = (...groups) => ({ result: { Failures: [], Tasks: groups.map((Group) => task({ Group, TaskArn: TASK + Group })) } });
const found = { "List the tasks": { result: { TaskArns: [TASK] } }, "Find the task": tasks("run-0", "run-1"), "Stop the task": { result: { Task: task() } } };
const late = "the task had not ended 10 min after the 60 min of timeoutMinutes";
test("out of time, and its own task is stopped", async () => {
  const end = await run({ answers: { ...lost, ...timeout, ...found } });
  assert.deepEqual([end.error, end.given("Stop the task").Task], ["Timeout", `${TASK}run-1`]);
  assert.deepEqual(end.given("Find the task").Tasks, [TASK]);
});
fails("out of time", "Timeout", [late, "0f9de17a6465404e8b1b2356dc13c2f8run-1"], { answers: { ...lost, ...timeout, ...found } });
fails("out of time, and no task is listed", "Timeout", late, {
  answers: { ...lost, ...timeout, "List the tasks": { result: { TaskArns: [] } }, "Find the task": exception("Ecs", "InvalidParameterException", "Tasks cannot be empty.") },
});
fails("out of time, and no task is the run's", "Timeout", late, { answers: { ...lost, ...timeout, ...found, "Find the task": tasks("run-0") } });
fails("out of time, and tasks cannot be listed", "Timeout", late, {
  answers: { ...lost, ...timeout, "List the tasks": exception("Ecs", "AccessDeniedException", "is not authorized to perform: ecs:ListTasks") },
});
fails("out of time, and the task cannot be stopped", "Timeout", late, {
  answers: { ...lost, ...timeout, ...found, "Stop the task": exception("Ecs", "InvalidParameterException", "The referenced task was not found.") },
});
fails("out of time, and the runner had said how it went", "DbtFailedNodes", "dbt build", { answers: { ...timeout, ...found, "Read the outcome": outcome("failed-nodes", 1) } });

// The outcome cannot be read.
const unreadable = "but its outcome.json could not be read: ";
for (const [what, answer] of Object.entries({
  "Access Denied": exception("S3", "S3Exception", "Access Denied", 403),
  "The specified bucket does not exist": exception("S3", "NoSuchBucketException", "The specified bucket does not exist", 404),
  "States.QueryEvaluationError": plain("{ half"),
})) {
  test(`an outcome that cannot be read: ${what}`, async () => {
    const end = await run({ answers: { "Read the outcome": answer } });
    assert.equal(end.error, "OutcomeUnreadable");
    assert.ok(end.cause.includes(unreadable) && end.cause.includes(what), end.cause);
  });
}

// A time of a schedule is run once.
const time = { input: SCHEDULED };
const theirClaim = () => {
  const world = new World();
  world.items.set(`shop/prod claim#default/nightly#${SCHEDULED.scheduledTime}`, { pk: { S: "shop/prod" }, execution: { S: theirs } });
  return world;
};
test("a time of a schedule", async () => {
  const { output, world } = await run(time);
  assert.equal(output.class, "success");
  const { execution } = world.items.get(`shop/prod claim#default/nightly#${SCHEDULED.scheduledTime}`);
  assert.deepEqual(execution, { S: EXECUTION });
});
test("a time that another has", async () => {
  const { output, told, count } = await run({ ...time, world: theirClaim() });
  assert.deepEqual(output, { class: "duplicate", message: "another execution has this scheduled time", execution: theirs });
  assert.deepEqual([told, count("Run dbt")], [undefined, 0]);
});
succeeds("a time that another has, and who cannot be told", { class: "duplicate" }, {
  ...time, world: theirClaim(), answers: { "Read the claim": exception("DynamoDb", "DynamoDbException", "Access Denied") },
});
succeeds("a claim whose answer was lost", { class: "success" }, {
  ...time, answers: {
    "Claim the time": [(given, execution) => {
      execution.world.call("arn:aws:states:::aws-sdk:dynamodb:putItem", given, execution);
      return exception("DynamoDb", "SdkClientException", "Unable to execute HTTP request: Read timed out");
    }, (given, execution) => ({ result: execution.world.call("arn:aws:states:::aws-sdk:dynamodb:putItem", given, execution) })],
  },
});
fails("no claim can be written", "ClaimFailed", ["in the table TABLE", "not authorized to perform: dynamodb:PutItem"], {
  ...time, answers: { "Claim the time": exception("DynamoDb", "AccessDeniedException", "User is not authorized to perform: dynamodb:PutItem") },
});

// What an execution may say.
fails("an unknown key", "InputRefused", "did you mean commands?", { input: { command: [] } });
fails("what the project does not let it change", "InputRefused", "overrides of the project is none", { config: { overrides: "none" }, input: { cpu: 1 } });
const schedule = (Arn, given = {}) => ({ result: { Name: "nightly", Target: { Arn, RoleArn: "r", Input: JSON.stringify({ ...SCHEDULED, ...given }) } } });
const asked = { ...time, config: { overrides: "none" } };
test("a schedule's values are read from itself", async () => {
  const answers = { "Read the schedule": schedule(MACHINE, { commands: ["dbt seed"], cpu: 512 }) };
  const end = await run({ config: { overrides: "none" }, input: { ...SCHEDULED, commands: ["dbt ls"], memory: 1 }, answers });
  assert.deepEqual(end.given("Read the schedule"), { GroupName: "default", Name: "nightly" });
  const { Cpu, Memory, ContainerOverrides } = end.given("Run dbt").Overrides;
  assert.deepEqual([Cpu, Memory, ContainerOverrides[0].Environment.at(-1).Value], ["512", undefined, '["dbt seed"]']);
});
test("an input that names a schedule alone is to do as it says", async () => {
  const { schedule: name, ...input } = SCHEDULED;
  const answers = { "Read the schedule": schedule(MACHINE, { commands: ["dbt seed"], schedule: name }) };
  const given = async (more) => (await run({ input: { ...input, ...more }, answers })).given("Run dbt").Overrides.ContainerOverrides[0].Environment.at(-1).Value;
  assert.deepEqual([await given({}), await given({ commands: ["dbt ls"] })], ['["dbt seed"]', '["dbt ls"]']);
});
succeeds("no time of the schedule", { class: "success" }, { config: { overrides: "none" }, input: { scheduleArn: SCHEDULED.scheduleArn }, answers: { "Read the schedule": schedule(MACHINE) } });
succeeds("a scheduler that is busy at first", { class: "success" }, {
  ...asked, answers: { "Read the schedule": [exception("Scheduler", "ThrottlingException", "Rate exceeded", 429), schedule(MACHINE)] },
});
fails("another's schedule", "InputRefused", "scheduleArn is that of a schedule of something else", { ...asked, answers: { "Read the schedule": schedule(`${MACHINE}-other`) } });
fails("no such schedule", "InputRefused", "the schedule in scheduleArn could not be read: Scheduler.ResourceNotFoundException: Schedule nightly does not exist.", {
  ...asked, answers: { "Read the schedule": exception("Scheduler", "ResourceNotFoundException", "Schedule nightly does not exist.", 404) },
});

after(() => {
  const left = [...ways(definition())].filter((way) => !taken.has(way));
  assert.deepEqual(left, [], "no test takes these ways");
});
