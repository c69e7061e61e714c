"""ministack, made true to AWS where the project depends on it: `hypercorn true_to_aws:app`.

Each module says where the emulator differs from AWS and sets that right by replacing the one function concerned.
"""
import ministack.app

import containers
import dashboards
import databases
import events
import executions
import integrations
import mail
import network
import roles
import schedules
import sdk
import tokens

for module in containers, dashboards, databases, events, executions, integrations, mail, network, roles, schedules, sdk, tokens:
    module.install()
app = mail.with_mailbox(ministack.app.app)
