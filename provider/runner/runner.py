"""PID 1 of a dbt run's containers.

It writes dbt's profile, waits for the warehouse, runs the commands one after the other, cancels them
at the deadline or on SIGTERM, keeps the artifacts in S3, and says in outcome.json how the run went. What it reads from the environment, and what it leaves, is in docs/running.md.
"""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))  # python3 -I leaves it out
    # By what tells them apart: the first container of a task makes the role that dbt logs in as.
    if "DBT_AWS_ROLE_SECRET" in os.environ:
        from dbt_aws.role import main
    else:
        from dbt_aws.run import main

    code = main()
    sys.stdout.flush()
    os._exit(code)  # an upload that hangs must not keep the container
