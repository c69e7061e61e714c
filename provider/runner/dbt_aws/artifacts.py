"""The place in S3 where a project's runs leave what they made."""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from .outcome import End
from .process import STOP, next_signal
from .text import SIZE_MOST, count, one_line

LIB = Path(__file__).resolve().parent.parent / "lib"
UPLOAD_SECONDS = 120
# Of the seconds between SIGTERM and SIGKILL, those that uploads need, and those of them that outcome.json needs.
UPLOAD_RESERVE, OUTCOME_RESERVE = 10, 3
PARSE, FINGERPRINT = "partial_parse/partial_parse.msgpack", "dbt-aws-fingerprint"
# What S3 says of what is not there: to whoever may not list the bucket, it is forbidden.
MISSING = ("NoSuchKey", "AccessDenied", "NoSuchBucket")
KINDS = {".json": "application/json", ".html": "text/html; charset=utf-8", ".log": "text/plain; charset=utf-8"}


def place_of_attempt(env, started):
    """Where an attempt keeps what it makes."""
    run_id = env.get("DBT_AWS_RUN_ID") or started.strftime("%Y%m%dT%H%M%SZ")
    return f"runs/{run_id}/{env.get('DBT_AWS_ATTEMPT') or 1}"


class Artifacts:
    """A URI in S3; without one, nothing is kept."""

    def __init__(self, uri, log):
        self.uri, self.log, self.client = uri.rstrip("/"), log, None
        self.bucket, _, self.prefix = self.uri.removeprefix("s3://").partition("/")

    def s3(self):
        """The client, made when it is first needed."""
        if self.client is None:
            sys.path.insert(0, str(LIB))
            import boto3
            from botocore.config import Config

            region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
            config = Config(connect_timeout=3, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3},
                            ignore_configured_endpoint_urls=True)
            # The container's own environment, which no execution's input reaches.
            self.client = boto3.client("s3", region_name=region, endpoint_url=os.environ.get("AWS_ENDPOINT_URL") or None, config=config)
        return self.client

    def key(self, name):
        """An object's key."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def restore_parse(self, fingerprint, path):
        """Gets the parse of an earlier run with this fingerprint; returns whether there is a parse at all. It only saves time."""
        if not self.uri:
            return False
        try:
            kept = self.s3().get_object(Bucket=self.bucket, Key=self.key(PARSE))
            # A proxy may change the case of headers' names.
            metadata = {name.lower(): value for name, value in kept["Metadata"].items()}
            if fingerprint and metadata.get(FINGERPRINT) == fingerprint and 0 < kept["ContentLength"] <= SIZE_MOST:
                path.write_bytes(kept["Body"].read())
                self.log(f"restored {PARSE}")
            kept["Body"].close()
            return kept["ContentLength"] > 0
        except Exception as error:
            path.unlink(missing_ok=True)
            if not any(code in str(error) for code in MISSING):
                self.log(f"did not restore {PARSE}: {one_line(error)}")
            return False

    def get_all(self, downloads):
        """Gets objects into files, all at the same time, and returns the files of those that are there; each download is a name and a path."""
        self.s3()
        with ThreadPoolExecutor(max_workers=8) as pool:
            return {path for path in pool.map(lambda download: self.get(*download), downloads) if path}

    def get(self, name, path):
        """Gets one, unless it is not there."""
        try:
            kept = self.s3().get_object(Bucket=self.bucket, Key=self.key(name))
            if kept["ContentLength"] > SIZE_MOST:
                raise ValueError(f"it is larger than {SIZE_MOST >> 20} MB")
            with open(path, "wb") as file:
                for part in kept["Body"].iter_chunks(1 << 20):
                    file.write(part)
            return path
        except Exception as error:
            if any(code in str(error) for code in MISSING):
                return None
            raise End("internal", f"{self.uri}/{name} could not be read: {one_line(error)}; start the run again") from None

    def put(self, name, read, metadata=None):
        """Keeps what `read` gives, or says why not."""
        if not self.uri:
            return
        try:
            # What a run leaves expires, by this tag; what is kept for the next run or for readers does not.
            tags = {"Tagging": "dbt-aws-kind=run"} if name.startswith("runs/") else {}
            self.s3().put_object(Bucket=self.bucket, Key=self.key(name), Body=read(),
                                 ContentType=KINDS.get(Path(name).suffix, "application/octet-stream"),
                                 Metadata=metadata or {}, **tags)
        except Exception as error:
            self.log(f"could not keep {self.uri}/{name}: {one_line(error)}")

    def put_all(self, uploads, stopped):
        """All at the same time, but not for ever: outcome.json comes after, and before SIGKILL when the task is stopped."""
        if not self.uri or not uploads:
            return
        try:
            self.s3()
        except Exception as error:
            return self.log(f"could not keep the artifacts: {one_line(error)}")
        pool = ThreadPoolExecutor(max_workers=4)
        late = [pool.submit(self.put, *upload) for upload in uploads]
        began = time.monotonic()
        until = began + UPLOAD_SECONDS
        while late and time.monotonic() < until:
            if stopped or next_signal(0) in STOP:
                stopped, until = False, min(until, time.monotonic() + UPLOAD_RESERVE - OUTCOME_RESERVE)
            late = wait(late, timeout=min(0.2, max(0.0, until - time.monotonic()))).not_done
        pool.shutdown(wait=False, cancel_futures=True)
        if late:
            self.log(f"gave up on {count(len(late), 'artifact')} after {time.monotonic() - began:.0f} s")
