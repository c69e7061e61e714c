// The Amazon States Language, as far as the state machines use it, over answers that a test gives or a world of them has.
"use strict";
const jsonata = require("jsonata");
const { Failed, World } = require("./world");

// What Step Functions keeps of a cause, and what a variable may hold.
const LONGEST_CAUSE = 32768;
const LARGEST_VARIABLE = 256 * 1024;
const LONGEST_TIMEOUT = 99999999;
const MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:shop";
// No catcher has these.
const TERMINAL = ["States.DataLimitExceeded", "States.Runtime"];

/** What an expression comes to with these variables. Step Functions has $parse in place of $eval. */
async function evaluated(text, variables, { millis, random } = {}) {
  const parse = (json) => (json === undefined ? undefined : JSON.parse(json));
  const time = millis && { millis, now: () => new Date(millis()).toISOString(), random };
  const value = await jsonata(text.slice(2, -2)).evaluate(undefined, { ...variables, parse, eval: undefined, ...time });
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

/** A field of a state: expressions become what they come to, and nothing may come to nothing. */
async function filled(field, variables, place, world) {
  if (typeof field === "string" && field.startsWith("{%")) {
    let value;
    try {
      value = await evaluated(field, variables, world);
    } catch (failure) {
      throw new Failed("States.QueryEvaluationError", `${place}: ${failure.message}`);
    }
    if (value === undefined) {
      throw new Failed("States.QueryEvaluationError", `${place}: the expression returned nothing (undefined)`);
    }
    return value;
  }
  if (field === null || typeof field !== "object") {
    return field;
  }
  const items = await Promise.all(
    Object.entries(field).map(async ([key, item]) => [key, await filled(item, variables, `${place}/${key}`, world)]),
  );
  return Array.isArray(field) ? items.map(([, item]) => item) : Object.fromEntries(items);
}

/** Every way out of every state. */
function ways(definition) {
  const found = new Set();
  for (const [name, state] of Object.entries(definition.States)) {
    for (const kind of ["Choices", "Retry", "Catch"]) {
      (state[kind] ?? []).forEach((_, index) => found.add(`${name}: ${kind}[${index}]`));
    }
    const last = state.Next ?? state.Default;
    found.add(`${name}: ${last ?? "the end"}`);
  }
  return found;
}

/** An execution in a world. What it takes of `ways` is added to `taken`; what a state calls is answered by `answers`, or else by the world. */
class Execution {
  constructor(definition, { name = "run-1", machine = MACHINE, input = {}, answers = {}, taken = new Set(), world = new World() }) {
    Object.assign(this, { definition, name, machine, answers, taken, world, input, data: input });
    this.variables = {};
    this.calls = [];
    this.status = "RUNNING";
    this.arn = `${machine.replace(":stateMachine:", ":execution:")}:${name}`;
    this.started = new Date(world.millis()).toISOString();
    this.context = {
      Execution: { Id: this.arn, Name: name, Input: input, RoleArn: "arn:aws:iam::000000000000:role/shop", StartTime: this.started },
      StateMachine: { Id: machine, Name: machine.split(":").at(-1) },
    };
    world.executions.set(this.arn, this);
  }

  /** How it ends: { output } or { error, cause }; { aborted } where it is stopped. */
  async end() {
    this.ended = await this.world.runs(() => this.walk());
    this.stopped = new Date(this.world.millis()).toISOString();
    this.status = this.ended.aborted ? "ABORTED" : this.ended.error ? "FAILED" : "SUCCEEDED";
    this.world.changed?.(this);
    return this.ended;
  }

  async walk() {
    try {
      for (let at = this.definition.StartAt; ; ) {
        const next = await this.state(at, this.definition.States[at]);
        if (this.aborted) {
          return { aborted: true };
        }
        if (next === undefined) {
          this.taken.add(`${at}: the end`);
          return { output: this.data };
        }
        at = next;
      }
    } catch (failure) {
      if (!(failure instanceof Failed)) {
        throw failure;
      }
      return this.aborted ? { aborted: true } : { error: failure.error, cause: failure.cause };
    }
  }

  /** Passes through a state; the next one's name. */
  async state(at, state) {
    const kinds = { Pass: "pass", Wait: "wait", Task: "task", Choice: "choice", Fail: "fail", Succeed: "pass" };
    return this[kinds[state.Type]](at, state);
  }

  async pass(at, state) {
    await this.leave(at, state, { input: this.data }, this.data);
    return this.go(at, state.Next);
  }

  async wait(at, state) {
    const seconds = await this.filled(state.Seconds, { input: this.data }, `${at}/Seconds`);
    if (!Number.isInteger(seconds) || seconds < 0 || seconds > LONGEST_TIMEOUT) {
      throw new Failed("States.QueryEvaluationError", `${at}/Seconds: ${seconds}`);
    }
    await this.world.sleep(seconds);
    return this.pass(at, state);
  }

  async choice(at, state) {
    const states = { input: this.data };
    for (const [index, choice] of state.Choices.entries()) {
      if ((await this.filled(choice.Condition, states, `${at}/Condition`)) === true) {
        this.taken.add(`${at}: Choices[${index}]`);
        await this.leave(at, choice, states, this.data);
        return choice.Next;
      }
    }
    return this.go(at, state.Default);
  }

  async fail(at, state) {
    this.taken.add(`${at}: the end`);
    const [error, cause] = await Promise.all(
      ["Error", "Cause"].map((field) => this.filled(state[field], { input: this.data }, `${at}/${field}`)),
    );
    if (typeof error !== "string" || typeof cause !== "string" || error.length > 256 || cause.length > LONGEST_CAUSE) {
      throw new Failed("States.Runtime", `${at}: ${error}: ${cause}`);
    }
    throw new Failed(error, cause);
  }

  async task(at, state) {
    const tried = new Map();
    for (;;) {
      const input = this.data;
      try {
        const token = state.Resource.endsWith(".waitForTaskToken") ? this.world.token(this) : undefined;
        this.context.Task = token && { Token: token };
        const given = await this.filled(state.Arguments, { input }, `${at}/Arguments`);
        const seconds = await this.filled(state.TimeoutSeconds ?? LONGEST_TIMEOUT, { input }, `${at}/TimeoutSeconds`);
        if (!Number.isInteger(seconds) || seconds < 1 || seconds > LONGEST_TIMEOUT) {
          throw new Failed("States.QueryEvaluationError", `${at}/TimeoutSeconds: ${seconds}`);
        }
        let result = await this.answer(at, given, seconds, state.Resource);
        if (token && !this.answers[at]) {
          result = await this.world.called(token, seconds);
        }
        if (this.aborted) {
          return undefined;
        }
        await this.leave(at, state, { input, result }, result);
        return this.go(at, state.Next);
      } catch (failure) {
        if (!(failure instanceof Failed)) {
          throw failure;
        }
        const index = (state.Retry ?? []).findIndex(({ ErrorEquals }) => matches(ErrorEquals, failure.error));
        if (index >= 0 && (tried.get(index) ?? 0) < (state.Retry[index].MaxAttempts ?? 3)) {
          this.taken.add(`${at}: Retry[${index}]`);
          tried.set(index, (tried.get(index) ?? 0) + 1);
          continue;
        }
        return this.caught(at, state, failure, input);
      }
    }
  }

  async caught(at, state, failure, input) {
    const index = (state.Catch ?? []).findIndex(({ ErrorEquals }) => matches(ErrorEquals, failure.error));
    if (index < 0) {
      throw failure;
    }
    this.taken.add(`${at}: Catch[${index}]`);
    // An error may come without a cause.
    const errorOutput = { Error: failure.error, ...(failure.cause === undefined ? {} : { Cause: failure.cause }) };
    await this.leave(at, state.Catch[index], { input, errorOutput }, errorOutput);
    return state.Catch[index].Next;
  }

  /** The next answer to a state's call, of which the last comes again and again; the world's, where a test gives none. */
  async answer(at, given, seconds, resource) {
    this.calls.push([at, given, seconds]);
    const all = [this.answers[at]].flat();
    const number = this.calls.filter(([name]) => name === at).length;
    let answer = all[Math.min(number, all.length) - 1];
    if (answer === undefined) {
      await this.world.sleep(this.world.latency());
      const result = this.world.call(resource.replace(".waitForTaskToken", ""), given, this);
      await this.world.sleep(this.world.latency());
      return result;
    }
    answer = typeof answer === "function" ? await answer(given, this) : answer;
    if (answer.error) {
      throw new Failed(answer.error, answer.cause?.slice(0, LONGEST_CAUSE));
    }
    return answer.result;
  }

  /** Assigns what a state, a choice or a catcher assigns, all at once, and takes its output. */
  async leave(at, part, states, otherwise) {
    const assigned = await this.filled(part.Assign ?? {}, states, `${at}/Assign`);
    const output = part.Output === undefined ? otherwise : await this.filled(part.Output, states, `${at}/Output`);
    for (const [name, value] of Object.entries(assigned)) {
      if (JSON.stringify(value).length > LARGEST_VARIABLE) {
        throw new Failed("States.DataLimitExceeded", name);
      }
    }
    Object.assign(this.variables, assigned);
    this.data = output;
  }

  go(at, next) {
    if (next !== undefined) {
      this.taken.add(`${at}: ${next}`);
    }
    return next;
  }

  filled(field, states, place) {
    return filled(field, { ...this.variables, states: { ...states, context: this.context } }, place, this.world);
  }
}

/** Whether a retrier or a catcher is for that error. */
function matches(names, error) {
  const wide = names.includes("States.ALL") || (names.includes("States.TaskFailed") && error !== "States.Timeout");
  return names.includes(error) || (wide && !TERMINAL.includes(error));
}

module.exports = { Execution, evaluated, ways, MACHINE };
