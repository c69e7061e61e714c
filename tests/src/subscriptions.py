"""An address gets no messages before it has confirmed, and until then its subscription has no ARN and cannot be deleted;
moto confirms at once."""
from moto.core.responses import ActionResult
from moto.sns.exceptions import SNSInvalidParameter
from moto.sns.models import SNSBackend
from moto.sns.responses import SNSResponse

PENDING = "PendingConfirmation"


def is_pending(subscription):
    """Whether the address has not confirmed yet."""
    return subscription.protocol == "email" and not subscription.confirmed


def subscribe(self, subscribe=SNSResponse.subscribe):
    """AWS answers so in place of an ARN."""
    answer = subscribe(self)
    if is_pending(self.backend.subscriptions[answer.result["SubscriptionArn"]]):
        answer.result["SubscriptionArn"] = "pending confirmation"
    return answer


def confirm_subscription(self):
    """The token is the address."""
    token = self._get_param("Token")
    [found] = [each for each in self.backend.subscriptions.values() if each.endpoint == token]
    found.confirmed = True
    return ActionResult({"SubscriptionArn": found.arn})


def listed(list_):
    """A list as AWS has it."""
    def answer(self):
        found = list_(self)
        found.result["Subscriptions"] = [
            {"SubscriptionArn": PENDING if is_pending(each) else each.arn, "Owner": each.owner, "Protocol": each.protocol,
             "Endpoint": each.endpoint, "TopicArn": each.topic_arn}
            for each in found.result["Subscriptions"]]
        return found
    return answer


def unsubscribe(self, subscription_arn, unsubscribe=SNSBackend.unsubscribe):
    """What has no ARN cannot be named."""
    if subscription_arn in self.subscriptions and is_pending(self.subscriptions[subscription_arn]):
        raise SNSInvalidParameter("SubscriptionArn Reason: Cannot unsubscribe a subscription that is pending confirmation")
    return unsubscribe(self, subscription_arn)


SNSResponse.subscribe = subscribe
SNSResponse.confirm_subscription = confirm_subscription
SNSResponse.list_subscriptions = listed(SNSResponse.list_subscriptions)
SNSResponse.list_subscriptions_by_topic = listed(SNSResponse.list_subscriptions_by_topic)
SNSBackend.unsubscribe = unsubscribe
