// The state machines of a run and of its end, as the provider makes them.
"use strict";
const { readFileSync } = require("node:fs");

const RUN = `${__dirname}/../../provider/src/run`;
const CONFIG = require(`${RUN}/config.example.json`);

/** A machine's file with its expressions, and what else is put in. */
function read(name, put) {
  let text = readFileSync(`${RUN}/${name}.asl.json`, "utf8")
    .replaceAll("${partition}", "aws")
    .replaceAll(/"{% include (\w+) %}"/g, (_, name) => JSON.stringify(`{% ${readFileSync(`${RUN}/expressions/${name}.jsonata`, "utf8")} %}`));
  for (const [key, value] of Object.entries(put)) {
    text = text.replaceAll(`"\${${key}}"`, () => JSON.stringify(value));
  }
  return JSON.parse(text);
}

/** The machine of a run with these in its config. */
const definition = (config = {}) => read("machine", { config: { ...CONFIG, ...config } });

/** The machine that ends runs. */
const finish = () => read("finish", { tableName: CONFIG.tableName });

module.exports = { CONFIG, definition, finish };
