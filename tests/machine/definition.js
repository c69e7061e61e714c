// The state machine of a run, as the provider makes it.
"use strict";
const { readFileSync } = require("node:fs");

const RUN = `${__dirname}/../../provider/src/run`;
const CONFIG = require(`${RUN}/config.example.json`);

/** A definition with these in its config. */
function definition(config = {}) {
  const text = readFileSync(`${RUN}/machine.asl.json`, "utf8")
    .replaceAll("${partition}", "aws")
    .replaceAll(/"{% include (\w+) %}"/g, (_, name) => JSON.stringify(`{% ${readFileSync(`${RUN}/expressions/${name}.jsonata`, "utf8")} %}`));
  const machine = JSON.parse(text);
  machine.States.Begin.Assign.config = { ...CONFIG, ...config };
  return machine;
}

module.exports = { CONFIG, definition };
