"""What dbt_commands.py says of commands, each run though another failed: described.py COMMANDS RESULTS."""

import json
import shlex
import signal
import sys

import dbt.cli.main

import dbt_commands
from dbt_aws.process import WATCHED, in_a_child

signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
for number, command in enumerate(json.loads(sys.argv[1]), 1):
    in_a_child(lambda: dbt_commands.run(number, shlex.split(command), sys.argv[2]))
