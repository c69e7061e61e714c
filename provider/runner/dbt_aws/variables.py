"""The variables that an execution's input may give to dbt, and those that it may not."""

import re
from fnmatch import fnmatchcase

from .outcome import End

# dbt's own: they choose what dbt does, but neither where it reads or writes nor whom it talks to.
FLAGS = {f"DBT_{name}" for name in (
    "CACHE_SELECTED_ONLY", "DEBUG", "DEFER", "EMPTY", "EVENT_TIME_END", "EVENT_TIME_START", "EXCLUDE_RESOURCE_TYPES", "EXPORT_SAVED_QUERIES",
    "FAIL_FAST", "FAVOR_STATE", "FULL_REFRESH", "INCLUDE_SAVED_QUERY", "INDIRECT_SELECTION", "INTROSPECT", "INVOCATION_ENV", "LOG_CACHE_EVENTS",
    "LOG_FORMAT", "LOG_FORMAT_FILE", "LOG_LEVEL", "LOG_LEVEL_FILE", "NO_PRINT", "PARTIAL_PARSE", "POPULATE_CACHE", "PRINT",
    "PRINTER_WIDTH", "QUIET", "RESOURCE_TYPES", "SAMPLE", "SHOW_RESOURCE_REPORT", "SINGLE_THREADED",
    "STATIC_PARSER", "STORE_FAILURES", "USE_COLORS", "USE_COLORS_FILE", "USE_EXPERIMENTAL_PARSER", "USE_FAST_TEST_EDGES",
    "VERSION_CHECK", "WARN_ERROR", "WARN_ERROR_OPTIONS", "WRITE_JSON")}
CUSTOM = "DBT_ENV_CUSTOM_ENV_"

# What a program reads before or beside dbt: the interpreter, the loader, libraries, the warehouse's client, AWS, the network.
# The preview judges a schedule by the same names, in task.rs.
NEVER = """
    AWS_* BOTO* PG* PYTHON* LD_* DYLD_* GLIBC_* GCONV_* MALLOC_* JAVA_* JDK_* CLASSPATH PERL5* RUBYLIB RUBYOPT
    NODE_EXTRA* NODE_OPTIONS NODE_PATH NODE_TLS* PATH HOME SHELL BASH_ENV IFS PWD TMP TEMP TMPDIR TZDIR LOCPATH NLSPATH XDG_*
    *_PROXY *_CA_BUNDLE *_CERT_FILE *_CERT_DIR *_EMULATOR_HOST *_LIBRARY_PATH HOSTALIASES LOCALDOMAIN RES_OPTIONS NETRC
    SSL_* SSLKEYLOGFILE OPENSSL_* CURL_* GRPC_* NSS_* KRB5* ODBCINI ODBCINSTINI ODBCSYSINI TNS_ADMIN MOTHERDUCK_TOKEN
    AZURE_AUTHORITY* AZURE_CLIENT* AZURE_CONFIG* AZURE_FEDERATED* AZURE_PASSWORD AZURE_POD_IDENTITY* AZURE_TENANT* AZURE_USERNAME
    IDENTITY_ENDPOINT IDENTITY_HEADER IMDS_ENDPOINT MSI_ENDPOINT MSI_SECRET CLOUDSDK_* GCE_METADATA* NO_GCE_CHECK
    GOOGLE_API* GOOGLE_APPLICATION* GOOGLE_AUTH* GOOGLE_CLOUD_QUOTA* GOOGLE_CLOUD_UNIVERSE* GOOGLE_EXTERNAL_ACCOUNT*
    DATABRICKS_AUTH* DATABRICKS_AZURE* DATABRICKS_CLI_PATH DATABRICKS_CLIENT* DATABRICKS_CONFIG* DATABRICKS_GOOGLE*
    DATABRICKS_HOST DATABRICKS_METADATA* DATABRICKS_OIDC* DATABRICKS_PASSWORD DATABRICKS_SERVER* DATABRICKS_TOKEN DATABRICKS_USERNAME
    SNOWFLAKE_AUTH* SNOWFLAKE_CONNECTION* SNOWFLAKE_DEFAULT_CONNECTION* SNOWFLAKE_ENABLE* SNOWFLAKE_HOME SNOWFLAKE_TOKEN*
    GIT_ALTERNATE* GIT_ASKPASS GIT_CONFIG* GIT_DIR GIT_EDITOR GIT_EXEC* GIT_EXTERNAL* GIT_OBJECT* GIT_PAGER GIT_PROXY*
    GIT_SSH* GIT_SSL* GIT_TEMPLATE* GIT_TRACE* GIT_WORK_TREE
    DBT_AWS_* DBT_ENGINE_* DBT_ENV_SECRET* DBT_PROFILES_DIR DBT_PROJECT_DIR DBT_TARGET_PATH DBT_LOG_PATH DBT_STATE DBT_DEFER_STATE
    DBT_ARTIFACT_STATE_PATH DBT_PARTIAL_PARSE_FILE_* DBT_PP_* DBT_HOST DBT_PACKAGES_INSTALL_PATH DBT_PACKAGE_HUB_URL
    DBT_DOWNLOAD_DIR DBT_MACRO_DEBUGGING DBT_RECORD* DBT_UPLOAD_TO_ARTIFACTS_INGEST_API
""".split()


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
    if any(fnmatchcase(name.upper(), pattern) for pattern in NEVER):
        return "it reaches more than the dbt project, such as the connection, Python or AWS; set it in the project's environment"
    if name in secrets:
        return "it is a secret of the project; change the secret itself"
    if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", connection):
        return "the profile reads it; set it in the project's environment"
    if name in FLAGS or name in read or name in declared or name.startswith(CUSTOM):
        return None
    return "the dbt project does not read it; read it there with env_var, or declare it in the project's environment"
