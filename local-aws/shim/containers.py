"""ECS tasks."""
import os
import re
import threading
import time

import docker
from databases import AUTHORITIES, AUTHORITY
from ministack.services import ecs

PORT = os.environ["GATEWAY_PORT"]
VOLUME = "local-aws-"
# The reason of a task whose spot capacity Fargate took back.
INTERRUPTED = "Your Spot Task was interrupted."


def install():
    """Puts the corrections in place."""
    ecs._build_run_kwargs = with_definition(ecs._build_run_kwargs)
    ecs._run_docker_container = with_registry_and_order(ecs._run_docker_container)
    ecs._cleanup_task_resources = after_last_line(ecs._cleanup_task_resources)
    ecs._mark_task_stopped = with_stop_reason(ecs._mark_task_stopped)
    ecs._task_is_active = until_stopped
    ecs._stop_task = ecs._ACTION_MAP["StopTask"] = stop_task
    ecs._run_task = ecs._ACTION_MAP["RunTask"] = unless_gone(ecs._run_task)


def unless_gone(original):
    """AWS runs no task in a cluster that is not there; the emulator makes the cluster."""

    def run(data):
        if ecs._resolve_cluster_name(data.get("cluster", "default")) not in ecs._clusters:
            return ecs.error_response_json("ClusterNotFoundException", "Cluster not found.", 400)
        return original(data)

    return run


def with_definition(original):
    """AWS honours these parts of a container definition, and gives the task credentials that SDKs accept; the
    emulator ignores the former, and its credentials' address is one that SDKs refuse."""

    def build(definition, task_definition, environment, *rest):
        environment.pop("AWS_CONTAINER_CREDENTIALS_FULL_URI", None)
        environment.pop("AWS_CONTAINER_AUTHORIZATION_TOKEN", None)
        region = ecs.get_region()
        for name, value in (("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"),
                            ("AWS_REGION", region), ("AWS_DEFAULT_REGION", region)):
            environment.setdefault(name, value)
        options = original(definition, task_definition, environment, *rest)
        for ours, dockers in (("entryPoint", "entrypoint"), ("user", "user"), ("workingDirectory", "working_dir"),
                              ("readonlyRootFilesystem", "read_only")):
            if definition.get(ours):
                options[dockers] = definition[ours]
        memory = definition.get("memory") or task_definition.get("memory")
        if memory:
            options["mem_limit"] = options["memswap_limit"] = f"{memory}m"
        empty = {volume["name"] for volume in task_definition.get("volumes", []) if not (volume.get("host") or {}).get("sourcePath")}
        shared = volumes_for(empty, options["labels"]["com.amazonaws.ecs.task-arn"], definition)
        # RDS's authority is another one here.
        authority = {str(AUTHORITY): {"bind": AUTHORITIES, "mode": "ro"}}
        options["volumes"] = {**(options.get("volumes") or {}), **shared, **authority}
        return options

    return build


def volumes_for(empty, task_arn, definition):
    """A task's empty volumes, which its containers share and which go with it. AWS gives one to root alone; only where the
    image declares it, it is as the image has the directory."""
    task = task_arn.rpartition("/")[2]
    return {volume_name(task, mount["sourceVolume"]): {"bind": mount["containerPath"], "mode": "rw"}
            for mount in definition.get("mountPoints", []) if mount["sourceVolume"] in empty}


def volume_name(task, volume):
    return f"{VOLUME}{task}-{volume}"


def declared_volumes(client, image):
    """The volumes that an image declares, which is pulled for it where it is not here."""
    try:
        found = client.images.get(image)
    except docker.errors.ImageNotFound:
        found = client.images.pull(image)
    return found.attrs["Config"].get("Volumes") or {}


def with_registry_and_order(original):
    """An image's ECR address leads to the emulator's own registry, through localhost, which docker takes without
    TLS. And a container waits for those that it depends on, which the emulator starts all at once."""

    def run(client, definition, options, **rest):
        name = definition["name"]
        for dependency in definition.get("dependsOn", []):
            other = client.containers.get(options["name"].removesuffix(name) + dependency["containerName"])
            if dependency["condition"] in ("COMPLETE", "SUCCESS"):
                code = other.wait()["StatusCode"]
                report_exit(options["labels"]["com.amazonaws.ecs.task-arn"], dependency["containerName"], code)
                if code and dependency["condition"] == "SUCCESS":
                    raise RuntimeError(f"container {dependency['containerName']} exited with {code}, and {name} needs its success")
        image = re.sub(r"^\d{12}\.dkr\.ecr\.[^/]+/", f"localhost:{PORT}/", definition["image"])
        declared = declared_volumes(client, image)
        for volume, mount in options["volumes"].items():
            if volume.startswith(VOLUME) and mount["bind"] not in declared:
                mount["mode"] += ",nocopy"
        return original(client, {**definition, "image": image}, options, **rest)

    return run


def report_exit(task_arn, name, code):
    for container in ecs._tasks[task_arn]["containers"]:
        if container["name"] == name:
            container["exitCode"] = code


def after_last_line(original):
    """A stopped task's containers and volumes go at once, but not before their last log lines are delivered; the
    emulator leaves containers for a minute, and volumes for good."""

    def cleanup(task, client, extra_container=None):
        client = client or ecs._get_docker()
        task_id = task["taskArn"].rpartition("/")[2]
        for thread in threading.enumerate():
            if task.get("lastStatus") == "STOPPED" and thread.name.startswith(f"ministack-ecs-awslogs-{task_id[:8]}-"):
                thread.join(timeout=60)
        original(task, client, extra_container)
        for volume in client.volumes.list(filters={"name": volume_name(task_id, "")}):
            volume.remove(force=True)

    return cleanup


def with_stop_reason(original):
    """The reason that StopTask gave stays the task's, though its containers then exit by themselves. Here one with the words
    of an interruption is an interruption, which the emulator does not have."""

    def mark(arn, task, reason, code, exit_code=None):
        if given := task.get("_stop_reason"):
            reason, code = given, "SpotInterruption" if given == INTERRUPTED else "UserInitiated"
        return original(arn, task, reason, code, exit_code)

    return mark


def until_stopped(arn, task):
    """A task that shall stop is still there; the emulator watches it no more."""
    return ecs._tasks.get(arn) is task and not task.get("_ecs_resetting") and task.get("lastStatus") != "STOPPED"


def stop_task(data):
    """StopTask sends SIGTERM, waits the container's stopTimeout (30 s), then SIGKILL, and the exit code is what the
    container made of it, and a list of tasks that shall run has it no more; the emulator waits 5 s and says 0."""
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    task = cluster and ecs._resolve_task(data.get("task", ""), cluster)
    client = ecs._get_docker()
    if not task or task["lastStatus"] == "STOPPED" or not client:
        return original_stop_task(data)
    definition = ecs._task_defs[ecs._resolve_td_key(task["taskDefinitionArn"])]
    timeouts = [container.get("stopTimeout", 30) for container in definition["containerDefinitions"]]
    task.update(_stop_reason=data.get("reason", "Task stopped by user"), desiredStatus="STOPPED", stoppingAt=ecs._iso())
    threading.Thread(target=stop_containers, args=(client, task, timeouts), daemon=True).start()
    return ecs.json_response({"task": ecs._sanitize(task)})


def stop_containers(client, task, timeouts):
    """Stops what the task has, and what it still starts, until it is stopped."""
    done = 0
    while task["lastStatus"] != "STOPPED":
        for container_id in task["_docker_ids"][done:]:
            container = client.containers.get(container_id)
            threading.Thread(target=container.stop, kwargs={"timeout": timeouts[done]}, daemon=True).start()
            done += 1
        time.sleep(0.1)


original_stop_task = ecs._stop_task
