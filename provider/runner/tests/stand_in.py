"""Stands in for dbt 2, which has 95 MB: it answers a command as dbt 2.0.0rc196 did, whose answers are in dbt2.json.

With a true dbt 2 in the variable DBT2, that answers, and what it answers is recorded:

    DBT2=/path/to/dbt XDG_CACHE_HOME=/a/folder/with/its/drivers provider/runner/tests/run -k dbt2
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

ANSWERS = Path(__file__).with_name("dbt2.json")
TARGET, LOGS = Path(os.environ["DBT_TARGET_PATH"]), Path(os.environ["DBT_LOG_PATH"])
EVENTS = LOGS / os.environ["DBT_OTEL_FILE_NAME"]
# The directory of all that is written, as dbt says it.
WORK = os.path.relpath(TARGET.parent, os.environ["DBT_PROJECT_DIR"])
ATTRIBUTES = {"code_name", "in_selection", "node_outcome", "node_test_detail", "unique_id", "version"}
ARTIFACTS = ("run_results.json", "sources.json", "manifest.json")


def answer(command):
    """Answers as it was recorded."""
    found = json.loads(ANSWERS.read_text().replace("{work}", WORK))[command]
    if found["events"]:
        EVENTS.write_text("".join(json.dumps(event) + "\n" for event in found["events"]))
        (LOGS / "dbt.log").write_text(found["stdout"])
    for name, content in found["artifacts"].items():
        TARGET.mkdir(exist_ok=True)
        (TARGET / name).write_text(json.dumps(content))
    for name in found["compiled"]:
        (TARGET / name).parent.mkdir(parents=True, exist_ok=True)
        (TARGET / name).write_text("select 1")
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    print(found["stdout"], end="", flush=True)
    if found["interrupted"]:
        signal.sigwait([signal.SIGINT])
    print(found["stderr"], end="", file=sys.stderr)
    return found["exitCode"]


def record(program, command):
    """Answers as the true one does, and keeps it."""
    interrupted = []
    process = subprocess.Popen([program, *sys.argv[1:]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, lambda *_: (interrupted.append(True), process.send_signal(signal.SIGINT)))
    stdout = ""
    for line in process.stdout:
        print(line, end="", flush=True)
        stdout += line
    stderr = process.stderr.read()
    print(stderr, end="", file=sys.stderr)
    events = [json.loads(line) for line in EVENTS.read_text().splitlines()] if EVENTS.exists() else []
    found = {
        "exitCode": process.wait(), "interrupted": bool(interrupted), "stdout": stdout, "stderr": stderr,
        "events": [{**{key: event.get(key) for key in ("record_type", "event_type", "severity_number", "body")},
                    "attributes": {key: value for key, value in event["attributes"].items() if key in ATTRIBUTES}}
                   for event in events if event["event_type"].endswith((".Process", ".NodeProcessed", ".LogMessage"))],
        "artifacts": {name: json.loads((TARGET / name).read_text()) for name in ARTIFACTS[:2] if (TARGET / name).exists()},
        "compiled": sorted(str(path.relative_to(TARGET)) for path in TARGET.glob("run/**/*.sql")),
    }
    if (TARGET / "manifest.json").exists():
        found["artifacts"]["manifest.json"] = {}
    with open(ANSWERS, "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        answers = {**json.loads(file.read() or "{}"), command: found}
        lines = [f"{json.dumps(command)}: {json.dumps(found, ensure_ascii=False)}" for command, found in sorted(answers.items())]
        text = "{\n" + ",\n".join(lines) + "\n}"
        for path in (WORK, str(TARGET.parent)):
            text = text.replace(path, "{work}")
        file.truncate(0)
        file.write(text + "\n")
    return found["exitCode"]


if __name__ == "__main__":
    words = " ".join(sys.argv[1:])
    sys.exit(record(os.environ["DBT2"], words) if os.environ.get("DBT2") else answer(words))
