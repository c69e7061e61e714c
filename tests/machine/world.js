// What the state machines call, in memory: a table, other executions, events and messages, and a clock that only waits move.
"use strict";
const assert = require("node:assert/strict");

const START = Date.parse("2026-01-31T06:30:02Z");

/** A state's error. */
class Failed extends Error {
  constructor(error, cause) {
    super(`${error}: ${cause}`);
    this.error = error;
    this.cause = cause;
  }
}

/** Executions in it compete: calls take a time of chance, by the seed; who sleeps wakes when nobody else is awake. */
class World {
  constructor(seed = 1) {
    Object.assign(this, { items: new Map(), executions: new Map(), tokens: new Map(), published: [], events: [], metrics: [], timers: [], awake: 0, time: START, seed });
    this.millis = () => Math.floor(this.time);
    this.random = () => {
      this.seed = (this.seed * 1103515245 + 12345) % 2147483648;
      return this.seed / 2147483648;
    };
    this.machines = new Map();
  }

  latency() {
    return 0.01 + this.random() * 0.2;
  }

  sleep(seconds) {
    return new Promise((resolve) => this.timers.push({ at: this.time + seconds * 1000, wake: resolve }));
  }

  /** Does something that sleeps, and moves the clock meanwhile. */
  async runs(act) {
    let done = false;
    const ended = act().finally(() => { done = true; });
    ended.catch(() => {});
    while (!done) {
      await this.turn();
    }
    return ended;
  }

  /** Lets everybody go on until all sleep, and wakes who is first. */
  async turn() {
    if (this.turning) {
      return this.turning;
    }
    this.turning = (async () => {
      for (let still = 0, last = -1; still < 3; still = this.timers.length === last ? still + 1 : 0) {
        last = this.timers.length;
        await new Promise((resolve) => setImmediate(resolve));
      }
      this.timers.sort((one, other) => one.at - other.at);
      const next = this.timers.shift();
      if (next) {
        this.time = Math.max(this.time, next.at);
        next.wake();
      }
    })();
    await this.turning;
    this.turning = undefined;
  }

  call(resource, given, caller) {
    const action = resource.split(":").slice(5).join(":");
    const act = this[action.replace("aws-sdk:", "")];
    if (!act) {
      throw new Error(`${caller.name} called ${action}, and nothing answers it`);
    }
    return act.call(this, given);
  }

  "dynamodb:getItem"({ Key, ConsistentRead }) {
    const item = this.items.get(`${Key.pk.S} ${Key.sk.S}`);
    if (ConsistentRead !== true) {
      throw new Error("what was just written is not read");
    }
    return item ? { Item: item } : {};
  }

  "dynamodb:putItem"({ Item, ConditionExpression, ExpressionAttributeNames: names, ExpressionAttributeValues: values }) {
    const key = `${Item.pk.S} ${Item.sk.S}`;
    for (const [kind, given] of Object.entries({ ExpressionAttributeNames: names, ExpressionAttributeValues: values })) {
      const unused = Object.keys(given ?? {}).find((each) => !ConditionExpression.includes(each));
      if (given && (unused || Object.keys(given).length === 0)) {
        throw new Failed("DynamoDb.DynamoDbException", unused ? `Value provided in ${kind} unused in expressions: keys: {${unused}}` : `${kind} must not be empty`);
      }
    }
    const item = this.items.get(key);
    const words = (ConditionExpression ?? "").replace(/#\w+/g, (name) => names[name]);
    const holds = words.split(" OR ").some((part) => {
      const missing = /^attribute_not_exists\((\w+)\)$/.exec(part);
      const [, name, sign, value] = /^(\w+) (=|<) (:\w+)$/.exec(part) ?? [];
      const wanted = value && Object.values(values[value])[0];
      const has = item?.[name] && Object.values(item[name])[0];
      return part === "" || (missing ? item?.[missing[1]] === undefined : has !== undefined && (sign === "=" ? has === wanted : has < wanted));
    });
    if (!holds) {
      throw new Failed("DynamoDb.ConditionalCheckFailedException", "The conditional request failed (Service: DynamoDb, Status Code: 400, Request ID: 2d1c)");
    }
    this.items.set(key, JSON.parse(JSON.stringify(Item)));
    return {};
  }

  "ecs:describeTaskDefinition"({ TaskDefinition }) {
    return { TaskDefinition: { TaskDefinitionArn: `arn:aws:ecs:us-east-1:000000000000:task-definition/${TaskDefinition}:3` } };
  }

  "sfn:describeExecution"({ ExecutionArn }) {
    const found = this.executions.get(ExecutionArn);
    if (!found) {
      throw new Failed("Sfn.ExecutionDoesNotExistException", `Execution Does Not Exist: '${ExecutionArn}' (Service: Sfn, Status Code: 400, Request ID: 2d1c)`);
    }
    const { arn, name, machine, status, started, stopped, ended, input } = found;
    return {
      ExecutionArn: arn, Name: name, StateMachineArn: machine, Status: status, StartDate: started, Input: JSON.stringify(input),
      ...(stopped && { StopDate: stopped }), ...(ended?.error && { Error: ended.error, Cause: ended.cause }),
      ...(ended?.output && { Output: JSON.stringify(ended.output) }),
    };
  }

  "states:startExecution"({ StateMachineArn, Input }) {
    const start = this.machines.get(StateMachineArn);
    if (!start) {
      throw new Failed("StepFunctions.StateMachineDoesNotExistException", `State Machine Does Not Exist: '${StateMachineArn}'`);
    }
    if (JSON.stringify(Input).length > 262144) {
      throw new Failed("States.DataLimitExceeded", "the input is too large");
    }
    start(Input);
    return { ExecutionArn: "arn:aws:states:us-east-1:000000000000:execution:FINISH:1" };
  }

  "sfn:sendTaskSuccess"({ TaskToken, Output }) {
    const waiting = this.tokens.get(TaskToken);
    if (!waiting?.resolve || waiting.execution.aborted) {
      throw new Failed("Sfn.TaskTimedOutException", "Task Timed Out: 'Provided task does not exist anymore' (Service: Sfn, Status Code: 400)");
    }
    waiting.resolve(JSON.parse(Output));
    return {};
  }

  "cloudwatch:putMetricData"({ Namespace, MetricData }) {
    for (const { MetricName, Dimensions, Value, Unit, Timestamp, ...unknown } of MetricData) {
      const wrong = Dimensions.find(({ Value: each }) => !/^[ -9;-~][ -~]{0,254}$/.test(each) || each.trim() === "");
      if (wrong || typeof Value !== "number" || Number.isNaN(Date.parse(Timestamp)) || Object.keys(unknown).length > 0) {
        throw new Failed("CloudWatch.InvalidParameterValueException", `The value ${JSON.stringify(wrong ?? Value)} for ${MetricName} is not valid`);
      }
      this.metrics.push([`${Namespace} ${MetricName} ${Unit}`, Object.fromEntries(Dimensions.map(({ Name, Value: each }) => [Name, each])), Value]);
    }
    return {};
  }

  "eventbridge:putEvents"({ Entries }) {
    for (const { Detail, Time } of Entries) {
      const event = JSON.parse(Detail);
      // The time is the same however often it is put: what follows the run claims it.
      assert.equal(Time, `${event.endedAt.slice(0, 19)}Z`);
      this.events.push(event);
    }
    return { Entries: [{ EventId: "1" }], FailedEntryCount: 0 };
  }

  "sns:publish"(given) {
    this.published.push(given);
    return { MessageId: "1" };
  }

  token(execution) {
    const token = `token-${this.tokens.size}`;
    this.tokens.set(token, { execution });
    return token;
  }

  /** What is sent with the token; States.Timeout, where nothing comes in time. */
  async called(token, seconds) {
    const waiting = this.tokens.get(token);
    const late = Symbol("late");
    const answer = await Promise.race([
      new Promise((resolve) => { waiting.resolve = resolve; }), this.sleep(seconds).then(() => late),
    ]);
    waiting.resolve = undefined;
    if (answer === late) {
      throw new Failed("States.Timeout");
    }
    return answer;
  }
}

module.exports = { Failed, World };
