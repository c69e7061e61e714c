"""Where the emulator's IAM differs from AWS."""
import functools

from ministack.services import iam


def install():
    # An empty text takes a description away; the emulator does not see it.
    iam.parse_qs = functools.partial(iam.parse_qs, keep_blank_values=True)
