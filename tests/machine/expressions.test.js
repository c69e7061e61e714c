// The longer expressions of a project's state machine, evaluated alone.
"use strict";
const assert = require("node:assert/strict");
const { test } = require("node:test");
const { CONFIG, definition } = require("./definition");
const { evaluated } = require("./interpreter");

const { States } = definition();
const NOT_STARTED = States["Read the outcome"].Catch[0].Assign.not_started;
const ARN = "arn:aws:scheduler:us-east-1:000000000000:schedule/default/nightly";
const SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:kms-timeout-AbCdEf";
const PULL = "ResourceInitializationError: unable to pull secrets or registry auth: ";
const ASM = `${PULL}execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): `;

/** Refuses an input for these reasons. */
async function refuses(input, expected = [], overrides = "all") {
  const found = await evaluated(States["Check the input"].Assign.refused, { states: { input }, config: { ...CONFIG, overrides } });
  assert.equal(found, expected.join("; "), JSON.stringify(input));
}

/** Names that advice for that reason of ECS's. */
async function advises(reason, advice) {
  const cause = await evaluated(NOT_STARTED, { config: CONFIG, task: { reason }, problem: "States.TaskFailed" });
  const start = `the task did not start: ${reason}; `;
  assert.ok(cause.startsWith(start), cause);
  assert.ok(cause.slice(start.length).includes(advice), cause);
  assert.ok(!cause.includes("the log is at"), cause);
}

test("what can be meant passes", async () => {
  for (const given of [
    {}, { commands: ["dbt build"] }, { commands: ["dbt seed", "dbt build"] }, { environment: {} },
    { environment: { A: "1", B: 2, C: true } }, { cpu: 2048, memory: "4096" },
    { Comment: "by hand", AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID: "arn:aws:states:::execution:a" },
    { scheduleArn: ARN, scheduledTime: "2026-01-31T06:30:00Z", schedule: "nightly", notify: { on: ["failure"] } },
  ]) {
    await refuses(given);
  }
});

test("an unknown key is named with the nearest", async () => {
  for (const [key, nearest] of Object.entries({
    command: "commands", Commands: "commands", comands: "commands", env: "environment", Environment: "environment",
    enviroment_: "environment", cpus: "cpu", MEM: "memory",
  })) {
    await refuses({ [key]: ["dbt ls"] }, [`"${key}" is not a key of it; did you mean ${nearest}?`]);
  }
  for (const key of ["", "x", "xy", "target", "args"]) {
    await refuses({ [key]: 1 }, [`"${key}" is not a key of it; there are commands, environment, cpu, memory, timeoutMinutes`]);
  }
  await refuses({ ["x".repeat(300)]: 1 }, [`"${"x".repeat(64)}" is not a key of it; there are commands, environment, cpu, memory, timeoutMinutes`]);
  await refuses({ command: [], cpu: 1.5 }, [
    '"command" is not a key of it; did you mean commands?', "cpu is not a whole number, such as 2048",
  ]);
});

test("more than a run can mean", async () => {
  await refuses({ Comment: "x".repeat(40000) }, ["it has more than 32,000 characters as JSON"]);
  const many = Object.fromEntries(Array.from({ length: 2000 }, (_, at) => [`key-${at}`, 1]));
  const text = await evaluated(States["Check the input"].Assign.refused, { states: { input: many }, config: CONFIG });
  assert.ok(text.length <= 2000 && text.startsWith('"key-0" is not a key of it'), text);
});

test("values of other types", async () => {
  for (const given of [[], ["dbt build"], "dbt build", 3, true]) {
    await refuses(given, ['it is not an object, such as {"commands": ["dbt build"]}']);
  }
  for (const commands of ["dbt build", [], [" "], ["dbt build", 1], [["dbt build"]], { a: 1 }, 3, null]) {
    await refuses({ commands }, ['commands is not a list of dbt command lines, such as ["dbt build"]']);
  }
  for (const environment of ["A=1", [], ["A=1"], 3, null]) {
    await refuses({ environment }, ['environment is not an object of strings, such as {"NAME": "value"}']);
  }
  await refuses({ environment: { A: {}, B: "1", C: null } }, ["environment.A is not a string", "environment.C is not a string"]);
  for (const memory of ["two", "4 GB", "", "0", 0, -1, 1.5, true, [2048], {}, null]) {
    await refuses({ memory }, ["memory is not a whole number, such as 2048"]);
  }
  for (const timeoutMinutes of ["five", 0, -1, 1.5, 61, "61", [5], null]) {
    await refuses({ timeoutMinutes }, ["timeoutMinutes is not a whole number of minutes up to 60, the timeoutMinutes of the project"]);
  }
  await refuses({ timeoutMinutes: 60, memory: "2048" });
  for (const scheduleArn of [3, null, "nightly", `${ARN}/../other`, ARN.replace("default", "")]) {
    await refuses({ scheduleArn }, ["scheduleArn is not the ARN of a schedule"]);
  }
});

test("times", async () => {
  for (const scheduledTime of [
    3, "tomorrow", "2026-13-31T06:30:00Z", "2026-01-31T06:30:00Z/../x", "2026-02-31T00:00:00Z", "2026-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
  ]) {
    await refuses({ scheduledTime }, ["scheduledTime is not a time, such as 2026-01-31T06:30:00Z"]);
  }
  for (const scheduledTime of ["2000-02-29T00:00:00Z", "2024-02-29T00:00:00Z", "0000-01-01T00:00:00Z", "2026-01-31T23:59:59Z"]) {
    await refuses({ scheduledTime });
  }
  const soon = `${new Date(Date.now() + 60000).toISOString().slice(0, 19)}Z`;
  for (const scheduledTime of ["2999-01-31T06:30:00Z", soon]) {
    await refuses({ scheduledTime }, ["scheduledTime has not come yet"]);
  }
});

test("what a project lets executions change", async () => {
  const reason = "is not for an execution to change: overrides of the project is";
  await refuses({ commands: ["dbt ls"] }, [], "commands");
  await refuses({ commands: ["dbt ls"], cpu: 1 }, [`cpu ${reason} commands`], "commands");
  await refuses({ environment: {} }, [`environment ${reason} none`], "none");
  await refuses({ commands: ["dbt ls"], scheduleArn: ARN }, [], "none");
  await refuses({}, [], "none");
});

test("each reason has its advice", async () => {
  for (const [reason, advice] of Object.entries({
    [`${ASM}failed to fetch secret ${SECRET} from secrets manager: ResourceNotFoundException: Secrets Manager can't find the specified secret.`]:
      "see that the secret is there",
    [`${PULL}unable to retrieve secret ${SECRET} for environment variable DBT_AWS_WAREHOUSE_SECRET`]: "see that the secret is there",
    [`${ASM}AccessDeniedException: User: arn:aws:sts::0:assumed-role/a is not authorized to perform: secretsmanager:GetSecretValue`]:
      "execution role may read it",
    [`${PULL}execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid parameters: /api/token`]:
      "see that the secret is there",
    [`${ASM}AccessDeniedException: Access to KMS is not allowed`]: "secretKmsKeyArns",
    [`${ASM}retrieved secret from Secrets Manager did not contain json key token for ${SECRET}`]: "has the key that its ARN",
    [`${PULL}The task cannot pull secrets from AWS Secrets Manager. There is a connection issue between the task and AWS Secrets Manager. Check your task network configuration.`]:
      "do not lead there",
    [`${PULL}unable to retrieve ecr registry auth: service call has been retried 3 time(s): RequestError: send request failed caused by: Post "https://api.ecr.us-east-1.amazonaws.com/": dial tcp 10.0.0.1:443: i/o timeout`]:
      "do not lead there",
    [`${PULL}unable to retrieve ecr registry auth: AccessDeniedException`]: "see that the image is there",
    "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref 0.dkr.ecr.us-east-1.amazonaws.com/secret-kms:v1: not found":
      "see that the image is there",
    "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'": "is for the architecture",
    "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist.":
      "see that the log group is there",
    "Capacity is unavailable at this time. Please try again later or in a different availability zone": "no capacity",
    "You've reached the limit on the number of vCPUs you can run concurrently": "quota",
    "ECS.ClusterNotFoundException: Cluster not found.": "its cluster CLUSTER alone, is gone",
    "AmazonECS.ClusterNotFoundException: The referenced cluster was inactive.": "its cluster CLUSTER alone, is gone",
    "RESOURCE:ENI": "no free address",
    "ECS was unable to assume the role 'arn:aws:iam::0:role/a' that was provided for this task.": "see that the roles",
    "Container Overrides length must be at most 8192": "less in commands and environment",
    "something new": "put right what it says",
  })) {
    await advises(reason, advice);
  }
});

test("without a reason the error is one", async () => {
  for (const task of [{}, { reason: "" }]) {
    const cause = await evaluated(NOT_STARTED, { config: CONFIG, task, problem: "AmazonECS.Unknown" });
    assert.ok(cause.startsWith("the task did not start: AmazonECS.Unknown; "), cause);
  }
});

/** What is kept of a failed task's description. */
async function kept(cause) {
  const { Output } = States["Run dbt"].Catch.find(({ ErrorEquals }) => ErrorEquals[0] === "States.ALL");
  const input = await evaluated(Output, { states: { errorOutput: { Error: "States.TaskFailed", ...cause } } });
  const { begun, exited, said, links, log, size, ...task } = await evaluated(States["Describe the task"].Assign.task, { states: { input }, config: CONFIG });
  return task;
}

test("a task's description is in the cause", async () => {
  const arn = "arn:aws:ecs:us-east-1:000000000000:task/c/0123";
  const text = JSON.stringify({
    Containers: [{ ExitCode: 137, Name: "dbt", Reason: "OutOfMemoryError: killed" }, { ExitCode: 0, Name: "aws-guardduty-agent" }],
    Overrides: { ContainerOverrides: [{ Environment: [{ Name: "DBT_AWS_COMMANDS", Value: '["a } \\"{"]' }] }] },
    StopCode: "EssentialContainerExited", StoppedReason: "Essential container in task exited", TaskArn: arn,
  });
  const code = "EssentialContainerExited";
  assert.deepEqual(await kept({ Cause: text }), { arn, code, reason: "OutOfMemoryError: killed", exit: 137 });
  // One that is too long is cut, anywhere: that must not fail, since nothing would catch it.
  for (let end = 0; end < text.length; end++) {
    const found = await kept({ Cause: text.slice(0, end) });
    assert.deepEqual(Object.keys(found).filter((key) => !["reason", "arn", "code"].includes(key)), [], text.slice(0, end));
  }
  assert.deepEqual(await kept({ Cause: text.slice(0, -1) }), { arn, code, reason: "Essential container in task exited" });
});

test("a cause that is no description", async () => {
  const Failures = [{ Arn: "c", Reason: "RESOURCE:ENI" }, { Reason: "MISSING", Detail: "no such" }];
  assert.deepEqual(await kept({ Cause: JSON.stringify({ Failures, Tasks: [] }) }), { reason: "RESOURCE:ENI, MISSING: no such" });
  assert.deepEqual(await kept({ Cause: "Unable to find it" }), { reason: "Unable to find it" });
  assert.deepEqual(await kept({}), { reason: "" });
});
