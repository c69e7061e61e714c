"""ministack, made true to AWS where the project depends on it: `hypercorn true_to_aws:app`.

Each module says where the emulator differs from AWS and sets that right by replacing the one function concerned.
"""
import ministack.app

import containers
import databases
import integrations
import network
import roles
import schedules

containers.install()
databases.install()
integrations.install()
network.install()
roles.install()
schedules.install()
app = ministack.app.app
