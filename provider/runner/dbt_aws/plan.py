"""What each command of an attempt is started with."""

from .continuing import last_results, ready, retried_words
from .progress import RETRIED
from .schemas import drop


def plan(attempt, state, artifacts, work, target):
    """The steps for dbt_commands.py, of the commands that are left; those that ask for a state get it."""
    steps, retryable = [], False
    states = state.for_commands(attempt.left())
    for number, command in attempt.left():
        step = {"number": number, "words": command.words, "run": command.words, "python": command.is_python, "decides": command.decides,
                "env": states.get(number, {}), "retry": "", "from": ""}
        if command.is_own:
            step["run"] = drop(command, artifacts, state, work)
        if not steps and attempt.how == "retry":
            step["from"] = str(work / f"retry.{number}")
            nodes = ready(target / f"run_results.{number}.json", work / f"retry.{number}", state, command)
            artifacts.log(f"continues {command.text} with dbt retry: {nodes} of its nodes were not done")
            step |= {"run": retried_words(command), "retry": "continue"}
        elif command.name == "retry" and not command.has("--state"):
            step["retry"] = "own"
            if not retryable and not (target / "run_results.json").exists():
                path = last_results(artifacts, work)
                ready(path, path.parent, state, command)
                step["from"] = str(path.parent)
        retryable = retryable or command.name in RETRIED
        steps.append(step)
    return steps
