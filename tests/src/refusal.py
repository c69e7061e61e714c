"""An error of AWS's, in the form of the service that was asked."""
import json
from xml.sax.saxutils import escape


def refusal(headers, body, status, code, message):
    """Status, headers, content."""
    if "x-amz-target" in headers:
        return status, {"content-type": "application/x-amz-json-1.1"}, json.dumps({"__type": code, "message": message})
    if "/scheduler/" in headers.get("authorization", ""):
        return status, {"content-type": "application/json", "x-amzn-errortype": code}, json.dumps({"Message": message})
    error = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    if b"Version=2016-11-15" in body:
        error = f"<Response><Errors>{error}</Errors></Response>"
    elif "x-www-form-urlencoded" in headers.get("content-type", ""):
        error = f"<ErrorResponse>{error}</ErrorResponse>"
    return status, {"content-type": "text/xml"}, error
