"""What dbt_commands.py says of commands, each run though another failed: described.py COMMANDS RESULTS."""

import json
import shlex
import signal
import sys

import dbt_commands
from dbt_aws import engine
from dbt_aws.process import WATCHED, in_a_child

signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
program = engine.find()
if not program:
    import dbt.cli.main
for number, command in enumerate(map(shlex.split, json.loads(sys.argv[1])), 1):
    if program:
        dbt_commands.run_engine(program, number, command, sys.argv[2])
    else:
        in_a_child(lambda: dbt_commands.run(number, command, sys.argv[2]))
