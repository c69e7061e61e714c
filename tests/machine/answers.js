// What AWS answers a project's state machine, as its documentation and reports of its users have it.
"use strict";

const CLUSTER = "arn:aws:ecs:us-east-1:000000000000";
const TASK = `${CLUSTER}:task/CLUSTER/0f9de17a6465404e8b1b2356dc13c2f8`;

/** What runTask.sync answers: DescribeTasks' task, its names in PascalCase. */
function task({ container = {}, ...more } = {}) {
  return {
    Attachments: [{
      Details: [{ Name: "subnetId", Value: "subnet-1" }, { Name: "networkInterfaceId", Value: "eni-1" }],
      Id: "8f2d3c6e-4a4d-4a0a-8a54-0c6f0b6c2d11", Status: "DELETED", Type: "eni",
    }],
    Attributes: [{ Name: "ecs.cpu-architecture", Value: "x86_64" }],
    AvailabilityZone: "us-east-1a",
    ClusterArn: `${CLUSTER}:cluster/CLUSTER`,
    Connectivity: "CONNECTED",
    Containers: [{
      ContainerArn: `${CLUSTER}:container/CLUSTER/0f9d/1`, Cpu: "0", ExitCode: 0, GpuIds: [],
      Image: "000000000000.dkr.ecr.us-east-1.amazonaws.com/shop:1", LastStatus: "STOPPED", ManagedAgents: [],
      Name: "dbt", NetworkBindings: [], NetworkInterfaces: [], RuntimeId: "0f9d-1", TaskArn: TASK, ...container,
    }],
    Cpu: "256", CreatedAt: 1769841002000, DesiredStatus: "STOPPED", EnableExecuteCommand: false,
    EphemeralStorage: { SizeInGiB: 20 }, ExecutionStoppedAt: 1769841062000, Group: "run-1", InferenceAccelerators: [],
    LastStatus: "STOPPED", LaunchType: "FARGATE", Memory: "512",
    Overrides: { ContainerOverrides: [{ Command: [], Environment: [], EnvironmentFiles: [], Name: "dbt", ResourceRequirements: [] }], InferenceAcceleratorOverrides: [] },
    PlatformFamily: "Linux", PlatformVersion: "1.4.0", StartedBy: "AWS Step Functions", StopCode: "EssentialContainerExited",
    StoppedAt: 1769841080000, StoppedReason: "Essential container in task exited", StoppingAt: 1769841063000, Tags: [],
    TaskArn: TASK, TaskDefinitionArn: `${CLUSTER}:task-definition/FAMILY:3`, Version: 6,
    ...more,
  };
}

/** A task that ended otherwise than well: the task is the cause. */
const failed = (description) => ({ error: "States.TaskFailed", cause: JSON.stringify(task(description)) });

/** A task whose first container failed, so that dbt's did not start: as ECS's agent has it, with the exit code of SIGTERM. */
const withoutRole = (role, more) => failed({
  ...more,
  Containers: [
    { Name: "role", LastStatus: "STOPPED", ...role },
    { Name: "dbt", LastStatus: "STOPPED", ExitCode: 143, Reason: "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency" },
  ],
});

/** A task whose containers never ran. */
const unstarted = (reason, container = { ExitCode: undefined }) =>
  failed({ StopCode: "TaskFailedToStart", StoppedReason: reason, Connectivity: undefined, container });

/** An answer of RunTask with HTTP status 200 and nothing started: it is the cause. */
const refused = (reason, detail) => ({
  error: "AmazonECS.Unknown",
  cause: JSON.stringify({ Failures: [{ Arn: `${CLUSTER}:container-instance/1`, Reason: reason, Detail: detail }], Tasks: [] }),
});

/** An exception of an SDK, with the cause that Step Functions makes of it. */
const exception = (service, name, message, status = 400) => ({
  error: `${service}.${name}`,
  cause: `${message} (Service: ${service}, Status Code: ${status}, Request ID: 2d1c7c41-0a4c-4f4e-9a0b-0d9c6f1f5a11)`,
});

/** The runner's outcome.json, as GetObject has it. */
const outcome = (kind, exitCode, more = {}) => object({ version: 1, class: kind, exitCode, message: `dbt build: ${kind}`, ...more });

/** An object with that JSON, as GetObject has it. */
const object = (content) => ({
  result: { AcceptRanges: "bytes", ContentLength: 100, ContentType: "application/json", ETag: '"1"', Metadata: {}, Body: JSON.stringify(content) },
});

const noObject = exception("S3", "NoSuchKeyException", "The specified key does not exist.", 404);

module.exports = { exception, failed, noObject, object, outcome, refused, task, unstarted, withoutRole, TASK };
