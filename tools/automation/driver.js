// Runs the Pulumi program in this folder through the Automation API, for machines without Pulumi's language hosts.
//
//   node driver.js up|preview|refresh|destroy STACK [--config KEY=VALUE] [--target URN] [--events FILE]
//
// The program is the very same index.ts that `pulumi up` runs. Engine events go to FILE, one JSON object a line.
"use strict";
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");

const here = createRequire(path.join(process.cwd(), "package.json"));
const { LocalWorkspace } = here("@pulumi/pulumi/automation");
const typescript = here("typescript");

require.extensions[".ts"] = (module, file) => {
    const compilerOptions = { module: typescript.ModuleKind.CommonJS, target: typescript.ScriptTarget.ES2022 };
    const source = fs.readFileSync(file, "utf8");
    module._compile(typescript.transpileModule(source, { compilerOptions }).outputText, file);
};

function parse([command, stack, ...rest]) {
    const options = { command, stack, config: {}, target: [], events: undefined };
    for (let i = 0; i < rest.length; i += 2) {
        const value = rest[i + 1];
        if (rest[i] === "--config") {
            const [key, ...parts] = value.split("=");
            options.config[key] = { value: parts.join("=") };
        } else if (rest[i] === "--target") {
            options.target.push(value);
        } else if (rest[i] === "--events") {
            options.events = value;
        } else {
            throw new Error(`unknown option ${rest[i]}`);
        }
    }
    return options;
}

async function main() {
    const { command, stack: stackName, config, target, events } = parse(process.argv.slice(2));
    const name = /^name: *(.*)$/m.exec(fs.readFileSync("Pulumi.yaml", "utf8"))[1];
    const program = async () => ({ ...require(path.resolve("index.ts")) });
    const stack = await LocalWorkspace.createOrSelectStack(
        { stackName, projectName: name, program },
        { workDir: process.cwd() },
    );
    await stack.setAllConfig(config);
    const file = events && fs.createWriteStream(events);
    const onEvent = file && ((event) => file.write(`${JSON.stringify(event)}\n`));
    const options = { onOutput: (text) => process.stdout.write(text), onEvent, color: "never" };
    if (target.length) {
        options.target = target;
    }
    await stack[command](options);
    file?.end();
}

main().catch((error) => {
    console.error(error.message);
    process.exit(1);
});
