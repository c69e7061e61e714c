"""The variables that an execution's input may give to dbt, and those that it may not."""

import re

from .outcome import End

# dbt's own: they choose what dbt does, but neither where it reads or writes nor whom it talks to.
FLAGS = {f"DBT_{name}" for name in (
    "CACHE_SELECTED_ONLY", "DEBUG", "DEFER", "EMPTY", "EVENT_TIME_END", "EVENT_TIME_START", "EXCLUDE_RESOURCE_TYPES", "EXPORT_SAVED_QUERIES",
    "FAIL_FAST", "FAVOR_STATE", "FULL_REFRESH", "INCLUDE_SAVED_QUERY", "INDIRECT_SELECTION", "INTROSPECT", "INVOCATION_ENV", "LOG_CACHE_EVENTS",
    "LOG_FORMAT", "LOG_FORMAT_FILE", "LOG_LEVEL", "LOG_LEVEL_FILE", "NO_PRINT", "PARTIAL_PARSE", "POPULATE_CACHE", "PRINT",
    "PRINTER_WIDTH", "QUIET", "RESOURCE_TYPES", "SAMPLE", "SHOW_RESOURCE_REPORT", "SINGLE_THREADED",
    "STATIC_PARSER", "STORE_FAILURES", "TARGET", "USE_COLORS", "USE_COLORS_FILE", "USE_EXPERIMENTAL_PARSER", "USE_FAST_TEST_EDGES",
    "VERSION_CHECK", "WARN_ERROR", "WARN_ERROR_OPTIONS", "WRITE_JSON")}
CUSTOM = "DBT_ENV_CUSTOM_ENV_"

# What a program reads before or beside dbt: the interpreter, the loader, libraries, the warehouse's client, AWS, the network.
NEVER = re.compile("|".join([
    r"(PG|AWS_|BOTO|LD_|DYLD_|GLIBC_|GCONV_|MALLOC_|PYTHON|JAVA_|JDK_|NODE_|PERL5|RUBY|DBT_AWS_|DBT_ENGINE_|DBT_ENV_SECRET).*",
    r"(SSL|TLS|OPENSSL|CURL|REQUESTS|GRPC|NSS|KRB5|XDG|ODBC|TNS|AZURE|CLOUDSDK|DATABRICKS|GCE|GOOGLE)_?.*",
    r"SNOWFLAKE_(HOME|CONNECTION|DEFAULT|AUTH|TOKEN|ENABLE).*",
    r"GIT_(SSH|SSL|CONFIG|EXEC|ASKPASS|DIR|PROXY|TRACE|TEMPLATE|EXTERNAL|PAGER|EDITOR|ALTERNATE|OBJECT|WORK_TREE).*",
    r".*_(PROXY|CA_BUNDLE|CERT_FILE|CERT_DIR|EMULATOR_HOST|LIBRARY_PATH)",
    r"PATH|HOME|SHELL|BASH_ENV|IFS|PWD|TMP|TEMP|TMPDIR|TZDIR|HOSTALIASES|LOCALDOMAIN|RES_OPTIONS|LOCPATH|NLSPATH|NETRC|CLASSPATH",
    r"DBT_(PROFILES_DIR|PROJECT_DIR|TARGET_PATH|LOG_PATH|STATE|DEFER_STATE|ARTIFACT_STATE_PATH|PARTIAL_PARSE_FILE_.*|PP_.*|HOST)",
    r"DBT_(PACKAGES_INSTALL_PATH|PACKAGE_HUB_URL|DOWNLOAD_DIR|MACRO_DEBUGGING|RECORD.*|UPLOAD_TO_ARTIFACTS_INGEST_API)",
]), re.IGNORECASE)


def names(text):
    """The names in a list with commas between."""
    return frozenset(filter(None, re.split(r"[,\s]+", text or "")))


def given(variables, read, declared, secrets, profile):
    """The variables of an execution's input, each checked against the names that the project reads or declares."""
    connection = " ".join(re.findall(r"{{.*?}}|{%.*?%}", profile))
    for name, value in variables.items():
        if reason := refusal(name, read, declared, secrets, connection):
            raise End("usage", f"the execution's input may not set the environment variable {name}: {reason}")
        if not isinstance(value, str) or "\0" in value:
            raise End("usage", f"environment.{name} in the execution's input is not a text; write it in quotation marks")
    return variables


def refusal(name, read, declared, secrets, connection):
    """Why a variable may not be set, and what to do; None where it may."""
    if NEVER.fullmatch(name):
        return "it reaches more than the dbt project, such as the connection, Python or AWS; set it in the project's environment"
    if name in secrets:
        return "it is a secret of the project; change the secret itself"
    if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", connection):
        return "the profile reads it; set it in the project's environment"
    if name in FLAGS or name in read or name in declared or name.startswith(CUSTOM):
        return None
    return "the dbt project does not read it; read it there with env_var, or declare it in the project's environment"
