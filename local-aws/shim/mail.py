"""SNS by e-mail."""
import json
import os

from ministack.services import sns

PORT = os.environ["GATEWAY_PORT"]
# Where what was sent is read: a list of {"to", "subject", "text"}, oldest first.
PATH = "/_local-aws/mail"
EMAIL = ("email", "email-json")
LONGEST_SUBJECT = 100
sent = []


def install():
    """Puts the corrections in place."""
    sns._subscribe = pending(sns._subscribe)
    for action in ("_list_subscriptions", "_list_subscriptions_by_topic"):
        setattr(sns, action, without_arns(getattr(sns, action)))
    sns._error = with_code(sns._error)
    sns._publish = with_subject(sns._publish)
    sns._fanout = by_mail(sns._fanout)
    sns.reset = forgetting(sns.reset)


def with_mailbox(application):
    """The application, and the mail that it sent at a path of its own."""

    async def serve(scope, receive, send):
        if scope["type"] != "http" or scope["path"] != PATH:
            return await application(scope, receive, send)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": json.dumps(sent).encode()})

    return serve


def pending(original):
    """An address that subscribes gets a message, and hears nothing more before it has confirmed; in the emulator it never has to."""

    def subscribe(params):
        status, headers, content = original(params)
        if status != 200 or sns._p(params, "Protocol") not in EMAIL:
            return status, headers, content
        topic, endpoint = sns._get_topic(sns._p(params, "TopicArn"))[0], sns._p(params, "Endpoint")
        (made,) = [each for each in topic["subscriptions"] if (each["protocol"], each["endpoint"]) == (sns._p(params, "Protocol"), endpoint)]
        if made["attributes"].get("PendingConfirmation") != "true" and not made.get("asked"):
            made.update(confirmed=False, token=os.urandom(64).hex(), asked=True)
            made["attributes"].update(PendingConfirmation="true", ConfirmationWasAuthenticated="false")
            sns._refresh_subscription_counts(topic)
        if not made["confirmed"]:
            link = f"http://localhost:{PORT}/?Action=ConfirmSubscription&TopicArn={topic['arn']}&Token={made['token']}"
            sent.append({"to": endpoint, "subject": "AWS Notification - Subscription Confirmation", "text":
                         f"You have chosen to subscribe to the topic:\n{topic['arn']}\n\nTo confirm this subscription, visit:\n{link}\n"})
            if sns._p(params, "ReturnSubscriptionArn").lower() != "true":
                answer = "<SubscribeResult><SubscriptionArn>pending confirmation</SubscriptionArn></SubscribeResult>"
                return sns._xml(200, "SubscribeResponse", answer)
        return status, headers, content

    return subscribe


def without_arns(original):
    """A list has no ARN of a subscription that is pending; the emulator's has."""

    def listed(params):
        status, headers, content = original(params)
        text = content.decode() if isinstance(content, bytes) else content
        for topic in sns._topics.values():
            for each in topic["subscriptions"]:
                if not each["confirmed"]:
                    text = text.replace(f"<SubscriptionArn>{each['arn']}<", "<SubscriptionArn>PendingConfirmation<")
        return status, headers, text.encode() if isinstance(content, bytes) else text

    return listed


def with_code(original):
    """What an invalid parameter is called over the wire."""
    return lambda code, message, status: original("InvalidParameter" if code == "InvalidParameterException" else code, message, status)


def with_subject(original):
    """A subject has fewer than 100 characters, in one line; the emulator takes any."""

    def publish(params):
        subject = sns._p(params, "Subject")
        if subject and (len(subject) >= LONGEST_SUBJECT or not subject.isprintable()):
            return sns._error("InvalidParameter", "Invalid parameter: Subject", 400)
        return original(params)

    return publish


def by_mail(original):
    """The emulator sends no mail. What a mail carries besides the message is left out."""

    def fan_out(arn, identifier, message, subject, structure="", attributes=None, **more):
        original(arn, identifier, message, subject, structure, attributes, **more)
        for each in (sns._topic_by_arn_any_scope(arn) or {"subscriptions": []})["subscriptions"]:
            text = sns._resolve_message_for_protocol(message, structure, each["protocol"])
            if each["protocol"] in EMAIL and each["confirmed"] and sns._matches_filter_policy(each, attributes or {}, text):
                sent.append({"to": each["endpoint"], "subject": subject or "AWS Notification Message", "text": text})

    return fan_out


def forgetting(original):
    def reset():
        original()
        sent.clear()

    return reset
