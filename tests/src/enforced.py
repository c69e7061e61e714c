"""IAM holds the users of moto's own to their policies; whoever else asks may do anything. Changes moto."""
import re

from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.iam.access_control import IAMPolicyStatement, IAMRequestBase

settings.INITIAL_NO_AUTH_ACTION_COUNT = 0


def authorize(self, kind, resource="*", authorize=ActionAuthenticatorMixin._authenticate_and_authorize_action):
    """The witness has a key that no user has."""
    if self.headers.get("Authorization", "").partition("Credential=")[2].startswith("AKIA"):
        authorize(self, kind, resource)


def named(self, *others, init=IAMRequestBase.__init__, **more):
    """CloudWatch's actions begin otherwise than its signatures say."""
    init(self, *others, **more)
    self._action = re.sub("^monitoring:", "cloudwatch:", self._action)


def matches(self, element, value, match=IAMPolicyStatement._check_element_matches):
    """moto knows an action's resource of S3 alone."""
    return element == "Resource" and value == "*" or match(self, element, value)


ActionAuthenticatorMixin._authenticate_and_authorize_action = authorize
IAMPolicyStatement._check_element_matches = matches
IAMRequestBase.__init__ = named
# moto knows nothing that conditions compare; the policies have them on what they allow alone.
IAMPolicyStatement._check_conditions = lambda *_: True
IAMRequestBase.check_signature = lambda _: None
