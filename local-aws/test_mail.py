"""SNS by e-mail."""
import json
import os
import re
import unittest
import urllib.request
import uuid

import boto3


class Mail(unittest.TestCase):
    """A topic with addresses."""

    def setUp(self):
        self.sns = boto3.client("sns")
        self.topic = self.sns.create_topic(Name="t" + uuid.uuid4().hex[:8])["TopicArn"]
        self.addCleanup(self.sns.delete_topic, TopicArn=self.topic)
        self.address = f"{uuid.uuid4().hex[:8]}@example.com"

    def mails(self, address=None):
        """What an address has got, oldest first."""
        with urllib.request.urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/_local-aws/mail", timeout=10) as answer:
            return [(mail["subject"], mail["text"]) for mail in json.load(answer) if mail["to"] == (address or self.address)]

    def subscribe(self, **more):
        return self.sns.subscribe(TopicArn=self.topic, Protocol="email", Endpoint=self.address, **more)["SubscriptionArn"]

    def confirm(self):
        """Follows the link in the first mail; the subscription's ARN."""
        subject, text = self.mails()[0]
        self.assertEqual(subject, "AWS Notification - Subscription Confirmation")
        link = re.search(r"https?://\S+", text)[0]
        with urllib.request.urlopen(link, timeout=10) as answer:
            return re.search(r"<SubscriptionArn>(.*)</SubscriptionArn>", answer.read().decode())[1]

    def listed(self):
        return [each["SubscriptionArn"] for each in self.sns.list_subscriptions_by_topic(TopicArn=self.topic)["Subscriptions"]]

    def test_an_address_confirms_before_it_hears(self):
        self.assertEqual(self.subscribe(), "pending confirmation")
        self.assertEqual(self.listed(), ["PendingConfirmation"])
        self.assertEqual(self.sns.get_topic_attributes(TopicArn=self.topic)["Attributes"]["SubscriptionsPending"], "1")
        self.sns.publish(TopicArn=self.topic, Message="too early")
        arn = self.confirm()
        self.assertEqual(self.listed(), [arn])
        self.assertEqual(self.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["PendingConfirmation"], "false")
        self.sns.publish(TopicArn=self.topic, Message="line 1\nline 2", Subject="shop failed")
        self.sns.publish(TopicArn=self.topic, Message="without a subject")
        self.assertEqual(self.mails()[1:], [("shop failed", "line 1\nline 2"), ("AWS Notification Message", "without a subject")])
        # One that has confirmed is not asked again.
        self.assertEqual(self.subscribe(), arn)
        self.assertEqual(len(self.mails()), 3)

    def test_an_arn_is_given_at_once_where_it_is_asked_for(self):
        arn = self.subscribe(ReturnSubscriptionArn=True, Attributes={"FilterPolicy": '{"kind": ["failure"]}'})
        found = self.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        self.assertEqual((found["PendingConfirmation"], found["FilterPolicy"]), ("true", '{"kind": ["failure"]}'))
        token = re.search(r"Token=(\w+)", self.mails()[0][1])[1]
        with self.assertRaises(self.sns.exceptions.InvalidParameterException):
            self.sns.confirm_subscription(TopicArn=self.topic, Token="0" + token)
        self.assertEqual(self.sns.confirm_subscription(TopicArn=self.topic, Token=token)["SubscriptionArn"], arn)
        for kind in ("success", "failure"):
            self.sns.publish(TopicArn=self.topic, Message=kind, MessageAttributes={"kind": {"DataType": "String", "StringValue": kind}})
        self.assertEqual([text for _, text in self.mails()[1:]], ["failure"])


if __name__ == "__main__":
    unittest.main()
