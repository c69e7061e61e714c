// The attempts of a run: which end is followed by another, when, and from where it goes on.
"use strict";
const assert = require("node:assert/strict");
const { test } = require("node:test");
const { exception, failed, noObject, outcome, refused, task, unstarted, withoutRole } = require("./answers");
const { fails, lost, run, succeeds } = require("./runs");

const done = { result: task() };
const good = outcome("success", 0);
const none = refused("Capacity is unavailable at this time. Please try again later or in a different availability zone");
const spot = failed({ StopCode: "SpotInterruption", StoppedReason: "Your Spot Task was interrupted.", container: { ExitCode: 143 } });

/** The attempts that were started: seconds since the first, and what each goes on from. */
async function attempts(given) {
  const times = [];
  const { "Run dbt": each, ...answers } = given.answers;
  const all = [each].flat();
  const end = await run({
    ...given,
    answers: {
      ...answers,
      "Run dbt": (call, { world }) => {
        const { Environment } = call.Overrides.ContainerOverrides[0];
        const of = (name) => Environment.find(({ Name }) => Name === name)?.Value;
        times.push({ at: Math.round(world.time / 1000), from: of("DBT_AWS_CONTINUE"), number: of("DBT_AWS_ATTEMPT"), left: +of("DBT_AWS_TIMEOUT_SECONDS"), capacity: call.CapacityProviderStrategy?.[0].CapacityProvider ?? call.LaunchType });
        assert.equal("CapacityProviderStrategy" in call, !("LaunchType" in call));
        const answer = all[Math.min(times.length, all.length) - 1];
        return typeof answer === "function" ? answer(world) : answer;
      },
    },
  });
  return { ...end, at: times.map(({ at }) => at - times[0].at), from: times.map(({ from }) => from), left: times.map(({ left }) => left), capacity: times.map(({ capacity }) => capacity), times };
}

test("what did not start is tried afresh after 30 s and 2 min", async () => {
  const { output, at, from, told } = await attempts({ answers: { "Run dbt": [none, unstarted("Timeout waiting for network interface provisioning to complete."), done], "Read the outcome": [noObject, noObject, good] } });
  assert.deepEqual([output?.class, output?.attempts, at, from], ["success", 3, [0, 30, 150], [undefined, undefined, undefined]]);
  assert.deepEqual([told.end.attempts, told.end.links.artifacts], [3, "s3://BUCKET/shop/prod/runs/run-1/3/"]);
});
test("not more often than retry.attempts says", async () => {
  for (const [number, count] of [[0, 1], [1, 2], [5, 6]]) {
    const { error, cause, at } = await attempts({ config: { retry: { attempts: number, failedNodes: 0 } }, answers: { ...lost, "Run dbt": none } });
    assert.deepEqual([error, at.length], ["TaskNotStarted", count]);
    assert.equal(cause.includes(`(attempt ${count} of the run)`), count > 1, cause);
  }
});
test("a role that IAM does not know yet", async () => {
  const { output, at } = await attempts({ answers: { "Run dbt": [exception("ECS", "AccessDeniedException", "no"), done], "Read the outcome": [noObject, good] } });
  assert.deepEqual([output?.class, at], ["success", [0, 30]]);
});
test("a role that may not start it", async () => {
  assert.deepEqual((await attempts({ answers: { ...lost, "Run dbt": exception("ECS", "AccessDeniedException", "no") } })).at, [0, 30]);
});
for (const name of ["ClusterNotFoundException", "InvalidParameterException"]) {
  test(`what stays as it is is not tried again: ${name}`, async () => {
    assert.equal((await attempts({ answers: { ...lost, "Run dbt": exception("ECS", name, "no") } })).at.length, 1);
  });
}
test("what AWS took away goes on from where it was", async () => {
  const { output, from, at, count } = await attempts({ answers: { "Run dbt": [spot, done], "Read the outcome": [outcome("terminated", 143), good] } });
  assert.deepEqual([output?.class, from, at], ["success", [undefined, "runs/run-1/1"], [0, 30]]);
  assert.equal(count("Find the task definition"), 1);
});
for (const [capacity, ...expected] of [["onDemand", "FARGATE", "FARGATE", "FARGATE"], ["spot", "FARGATE_SPOT", "FARGATE_SPOT", "FARGATE_SPOT"], ["spotThenOnDemand", "FARGATE_SPOT", "FARGATE", "FARGATE"]]) {
  test(`the capacity of attempts that are lost: ${capacity}`, async () => {
    const end = await attempts({ config: { capacity }, answers: { "Run dbt": [spot, none, done], "Read the outcome": [noObject, noObject, good] } });
    assert.deepEqual([end.output?.class, end.capacity], ["success", expected]);
  });
}
test("a run of less time than the project's", async () => {
  const told = { counts: { success: 2 }, slowest: [{ node: "model.a", seconds: 1 }], seconds: 7 };
  const end = await attempts({ input: { timeoutMinutes: 5 }, answers: { "Run dbt": done, "Read the outcome": outcome("success", 0, told) } });
  assert.deepEqual([end.left, end.output.counts, end.output.slowest, end.output.seconds], [[300], told.counts, told.slowest, {}]);
});
test("dbt's own failures leave an attempt on Spot", async () => {
  const config = { capacity: "spotThenOnDemand", retry: { attempts: 2, failedNodes: 2 } };
  const end = await attempts({ config, answers: { "Run dbt": [failed(), failed(), done], "Read the outcome": [outcome("failed-nodes", 1), outcome("failed-nodes", 1), good] } });
  assert.deepEqual(end.capacity, ["FARGATE_SPOT", "FARGATE_SPOT", "FARGATE_SPOT"]);
});
test("what is lost goes on from the last attempt that ran", async () => {
  const { output, from } = await attempts({
    config: { retry: { attempts: 3, failedNodes: 0 } },
    answers: { "Run dbt": [spot, none, spot, done], "Read the outcome": [noObject, noObject, outcome("terminated", 143), good] },
  });
  assert.deepEqual([output?.class, from], ["success", [undefined, "runs/run-1/1", "runs/run-1/1", "runs/run-1/3"]]);
});
fails("and fails where nothing is left to go on from", "TaskLost", "dbt build: nothing-to-continue", {
  config: { retry: { attempts: 1, failedNodes: 0 } }, answers: { "Run dbt": spot, "Read the outcome": [noObject, outcome("nothing-to-continue", 1)] },
});
test("a warehouse that cannot be reached is tried again, without the commands that had succeeded", async () => {
  const { output, from, at } = await attempts({ answers: { "Run dbt": [failed(), done], "Read the outcome": [outcome("connection", 69), good] } });
  assert.deepEqual([output?.class, from, at], ["success", [undefined, "runs/run-1/1"], [0, 30]]);
});
test("what did not come to dbt goes on from where the attempt before it would have", async () => {
  const [silent, stopped] = [withoutRole({ ExitCode: 69 }), withoutRole({ ExitCode: 143 }, { StopCode: "SpotInterruption", StoppedReason: "Your Spot Task was interrupted." })];
  for (const [first, told, second] of [[silent, outcome("connection", 69), undefined], [stopped, noObject, undefined], [spot, noObject, "runs/run-1/1"]]) {
    const { output, from } = await attempts({ answers: { "Run dbt": [first, silent, done], "Read the outcome": [told, outcome("connection", 69), good] } });
    assert.deepEqual([output?.class, from], ["success", [undefined, second, second]]);
  }
});
fails("a role that cannot be made is said, with its container's log", "DbtError", ["dbt build: dbt-error (exit code 2)", "$252Frole$252F0f9de17a"], {
  answers: { "Run dbt": withoutRole({ ExitCode: 2 }), "Read the outcome": outcome("dbt-error", 2) },
});
fails("a first container that says nothing is told by its own exit code", "OutOfMemory", "the task ran out of memory and was ended (exit code 137)", {
  config: { retry: { attempts: 0, failedNodes: 0 } }, answers: { "Run dbt": withoutRole({ ExitCode: 137, Reason: "OutOfMemory: no" }), ...lost },
});
test("the first container is told whose attempt it begins, where the task has one", async () => {
  for (const names of [["dbt"], ["role", "dbt"]]) {
    const ContainerDefinitions = names.map((Name) => ({ Name }));
    const { given } = await run({ answers: { "Find the task definition": { result: { TaskDefinition: { TaskDefinitionArn: "a:1", ContainerDefinitions } } } } });
    const [dbt, ...others] = given("Run dbt").Overrides.ContainerOverrides;
    const own = [{ Name: "DBT_AWS_RUN_ID", Value: "run-1" }, { Name: "DBT_AWS_ATTEMPT", Value: "1" }];
    assert.deepEqual([dbt.Name, others], ["dbt", names.length > 1 ? [{ Name: "role", Environment: own }] : []]);
  }
});
test("failed nodes are tried again only when asked, on their own count", async () => {
  const answers = { "Run dbt": failed(), "Read the outcome": outcome("failed-nodes", 1) };
  assert.equal((await attempts({ answers })).at.length, 1);
  const { error, from } = await attempts({ config: { retry: { attempts: 0, failedNodes: 2 } }, answers });
  assert.deepEqual([error, from], ["DbtFailedNodes", [undefined, "runs/run-1/1", "runs/run-1/2"]]);
});
for (const [kind, code] of Object.entries({ "out-of-memory": 137, usage: 2, "dbt-error": 2, "command-failed": 1, internal: 70, timeout: 124, terminated: 143 })) {
  test(`${kind} is not tried again`, async () => {
    const answers = { "Run dbt": failed(), "Read the outcome": outcome(kind, code) };
    assert.equal((await attempts({ config: { retry: { attempts: 5, failedNodes: 5 } }, answers })).at.length, 1);
  });
}
test("an attempt has what is left of the run's time, and none begins without", async () => {
  const late = (minutes, answer) => async (world) => (await world.sleep(minutes * 60), answer);
  const answers = { "Run dbt": [late(40, spot), late(18, spot), done], "Read the outcome": outcome("terminated", 143) };
  const { error, left } = await attempts({ config: { retry: { attempts: 5, failedNodes: 0 } }, answers });
  assert.deepEqual([error, left], ["TaskLost", [3600, 3600 - 40 * 60 - 30]]);
});

// Memory: the next larger size that Fargate takes.
for (const [size, larger] of Object.entries({
  "256/512": "cpu 256 with memory 1024", "256/1024": "cpu 256 with memory 2048", "256/2048": "cpu 512 with memory 3072",
  "512/4096": "cpu 1024 with memory 5120", "1024/2048": "cpu 1024 with memory 3072", "1024/8192": "cpu 2048 with memory 9216",
  "4096/30720": "cpu 8192 with memory 32768", "8192/16384": "cpu 8192 with memory 20480", "8192/61440": "cpu 16384 with memory 65536",
})) {
  const [Cpu, Memory] = size.split("/");
  const given = { answers: { "Run dbt": failed({ Cpu, Memory }), "Read the outcome": outcome("out-of-memory", 137) } };
  fails(`out of memory with ${size}`, "OutOfMemory", `${larger} is the next larger size`, given);
}
fails("out of memory with all that there is", "OutOfMemory", "of which 122880 MiB is the most that Fargate has", {
  answers: { "Run dbt": failed({ Cpu: "16384", Memory: "122880" }), "Read the outcome": outcome("out-of-memory", 137) },
});

// finish.
test("finish is told all that is known of a run", async () => {
  const known = { failedNodeCount: 3, failedNodes: ["model.a"], failed: [{ node: "model.a", error: "Database Error" }], counts: { error: 3, success: 9 }, warnings: ["w"], seconds: { total: 61.2 } };
  const { told } = await run({ answers: { "Run dbt": failed(), "Read the outcome": outcome("failed-nodes", 1, known) } });
  const { class: kind, error, attempts: number, links, message, ...rest } = told.end;
  assert.deepEqual([kind, error, number, rest, message], ["failed-nodes", "DbtFailedNodes", 1, known, "dbt build: failed-nodes (exit code 1)"]);
  assert.match(links.log, /log-events\/shop\$252Fdbt\$252F0f9de17a/);
});
test("what of an outcome is of another type counts for nothing", async () => {
  const odd = { failedNodeCount: "x", failedNodes: ["model.a", 3, {}], failed: [3, { node: "a" }, { node: "b", error: "no" }], counts: [], seconds: "1", warnings: "one" };
  const { told } = await run({ answers: { "Run dbt": failed(), "Read the outcome": outcome("failed-nodes", 1, odd) } });
  const { failedNodeCount, failedNodes, failed: each, counts, seconds, warnings } = told.end;
  assert.deepEqual([failedNodeCount, failedNodes, each, counts, seconds, warnings], [0, ["model.a"], [{ node: "b", error: "no" }], {}, {}, ["one"]]);
});
fails("a run that has ended is not redriven", "TaskNotStarted", "is not redriven, since its lock and its artifacts are no longer its own", { answers: lost, redrives: 1 });
test("a run ends as it did where finish cannot be told", async () => {
  const busy = exception("StepFunctions", "ThrottlingException", "Rate exceeded");
  const { output, count } = await run({ answers: { "Tell how it ended": [busy, exception("StepFunctions", "AccessDeniedException", "no")] } });
  assert.deepEqual([output?.class, count("Tell how it ended")], ["success", 2]);
});
succeeds("without a revision that can be told, the newest is run", { class: "success" }, {
  answers: { "Find the task definition": [exception("Ecs", "ServerException", "busy"), exception("Ecs", "ClientException", "Unable to describe task definition.")] },
});
