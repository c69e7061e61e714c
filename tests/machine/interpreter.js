// The Amazon States Language, as far as a project's state machine uses it, over answers that a test gives.
"use strict";
const jsonata = require("jsonata");

// What Step Functions keeps of a cause, and what a variable may hold.
const LONGEST_CAUSE = 32768;
const LARGEST_VARIABLE = 256 * 1024;
const LONGEST_TIMEOUT = 99999999;
const MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:shop";
// No catcher has these.
const TERMINAL = ["States.DataLimitExceeded", "States.Runtime"];

/** A state's error. */
class Failed extends Error {
  constructor(error, cause) {
    super(`${error}: ${cause}`);
    this.error = error;
    this.cause = cause;
  }
}

/** What an expression comes to with these variables. Step Functions has $parse in place of $eval. */
async function evaluated(text, variables) {
  const parse = (json) => (json === undefined ? undefined : JSON.parse(json));
  const value = await jsonata(text.slice(2, -2)).evaluate(undefined, { ...variables, parse, eval: undefined });
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

/** A field of a state: expressions become what they come to, and nothing may come to nothing. */
async function filled(field, variables, place) {
  if (typeof field === "string" && field.startsWith("{%")) {
    let value;
    try {
      value = await evaluated(field, variables);
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
    Object.entries(field).map(async ([key, item]) => [key, await filled(item, variables, `${place}/${key}`)]),
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

/** An execution. What it takes of `ways` is added to `taken`. */
class Execution {
  constructor(definition, { name = "run-1", input = {}, answers = {}, taken = new Set() }) {
    Object.assign(this, { definition, name, answers, taken, data: input });
    this.variables = {};
    this.calls = [];
    const id = `${MACHINE.replace(":stateMachine:", ":execution:")}:${name}`;
    this.context = {
      Execution: { Id: id, Name: name, Input: input, RoleArn: "arn:aws:iam::000000000000:role/shop", StartTime: "2026-01-31T06:30:02Z" },
      StateMachine: { Id: MACHINE, Name: "shop" },
    };
  }

  /** How it ends: { output } or { error, cause }. */
  async end() {
    try {
      for (let at = this.definition.StartAt; ; ) {
        const next = await this.state(at, this.definition.States[at]);
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
      return { error: failure.error, cause: failure.cause };
    }
  }

  /** Passes through a state; the next one's name. */
  async state(at, state) {
    const kinds = { Pass: "pass", Wait: "pass", Task: "task", Choice: "choice", Fail: "fail" };
    return this[kinds[state.Type]](at, state);
  }

  async pass(at, state) {
    await this.leave(at, state, { input: this.data }, this.data);
    return this.go(at, state.Next);
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
        const given = await this.filled(state.Arguments, { input }, `${at}/Arguments`);
        const seconds = await this.filled(state.TimeoutSeconds ?? LONGEST_TIMEOUT, { input }, `${at}/TimeoutSeconds`);
        if (!Number.isInteger(seconds) || seconds < 1 || seconds > LONGEST_TIMEOUT) {
          throw new Failed("States.QueryEvaluationError", `${at}/TimeoutSeconds: ${seconds}`);
        }
        const result = this.answer(at, given, seconds);
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

  /** The next answer to a state's call; the last one comes again and again. */
  answer(at, given, seconds) {
    this.calls.push([at, given, seconds]);
    const all = [this.answers[at]].flat();
    const number = this.calls.filter(([name]) => name === at).length;
    const answer = all[Math.min(number, all.length) - 1];
    if (answer === undefined) {
      throw new Error(`${at} was called, and no answer is given`);
    }
    const { error, cause, result } = typeof answer === "function" ? answer(given) : answer;
    if (error) {
      throw new Failed(error, cause?.slice(0, LONGEST_CAUSE));
    }
    return result;
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
    return filled(field, { ...this.variables, states: { ...states, context: this.context } }, place);
  }
}

/** Whether a retrier or a catcher is for that error. */
function matches(names, error) {
  const wide = names.includes("States.ALL") || (names.includes("States.TaskFailed") && error !== "States.Timeout");
  return names.includes(error) || (wide && !TERMINAL.includes(error));
}

module.exports = { Execution, evaluated, ways, MACHINE };
