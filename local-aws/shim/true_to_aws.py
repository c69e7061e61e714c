"""ministack, made true to AWS where the project depends on it: `hypercorn true_to_aws:app`.

Each module says where the emulator differs from AWS and sets that right by replacing the one function concerned.
"""
import ministack.app

import containers
import databases
import events
import executions
import integrations
import mail
import metrics
import network
import roles
import schedules
import sdk
import tokens

for module in containers, databases, events, executions, integrations, mail, metrics, network, roles, schedules, sdk, tokens:
    module.install()
app = mail.with_mailbox(ministack.app.app)
