"""dbt's own command line, each command in a target of its own: plain_dbt.py COMMANDS FOLDER."""

import json
import os
import shlex
import signal
import sys
from pathlib import Path

import dbt.cli.main

from dbt_aws.process import WATCHED, in_a_child


def main(commands, folder):
    """Leaves the target of each command in a folder of its number."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    for number, command in enumerate(commands, 1):
        os.environ["DBT_TARGET_PATH"] = os.environ["DBT_LOG_PATH"] = str(Path(folder, str(number)))
        code = in_a_child(lambda: 0 if dbt.cli.main.dbtRunner().invoke(shlex.split(command)).success else 1)
        assert code == 0, command


main(json.loads(sys.argv[1]), sys.argv[2])
